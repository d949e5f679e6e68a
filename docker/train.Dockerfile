# The candidate stage: LLaMA-Factory 0.9.5 and DeepSpeed 0.18.4, packages as in requirements/.
#   smallscale image build train        on the pinned CUDA base
#   smallscale image build train-cpu    the same on a CPU base (BASE_IMAGE, TORCH, TORCH_INDEX)
ARG BASE_IMAGE=nvidia/cuda:13.0.3-runtime-ubuntu24.04@sha256:76f46f3e649824ebd3685d3d86c42b0ea62af04f59242f419f56cd5804a72efb

FROM ${BASE_IMAGE} AS packages
ARG CA_BUNDLE=docker/extra
ARG WHEELS=docker/extra
ARG TORCH=2.13.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cu130
# A CPU build needs none of the CUDA libraries that the index's build of torch depends on.
ARG TORCH_DEPENDENCIES=""
COPY ${CA_BUNDLE} /tmp/ca/
COPY ${WHEELS} /tmp/wheels/
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_FIND_LINKS=/tmp/wheels \
    PIP_DEFAULT_TIMEOUT=120
RUN python3 -m venv /tmp/probe 2>/dev/null && rm -rf /tmp/probe || { apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*; }
RUN python3 -m venv /opt/train
RUN for pem in /tmp/ca/*.pem; do if [ -f "$pem" ]; then export PIP_CERT="$pem"; fi; done \
    && pip="/opt/train/bin/python -m pip install --quiet ${TORCH_DEPENDENCIES}" \
    && { $pip "torch==${TORCH}" 2>/dev/null || $pip --index-url "${TORCH_INDEX}" "torch==${TORCH}"; }
COPY requirements/train-cpu.txt /tmp/requirements.txt
# DeepSpeed is published as source; its operators are compiled on first use, not here.
RUN for pem in /tmp/ca/*.pem; do if [ -f "$pem" ]; then export PIP_CERT="$pem"; fi; done \
    && /opt/train/bin/python -m pip install --quiet setuptools wheel \
    && DS_BUILD_OPS=0 /opt/train/bin/python -m pip install --quiet --no-deps \
        --no-build-isolation -r /tmp/requirements.txt

FROM ${BASE_IMAGE}
RUN command -v python3 >/dev/null || { apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*; }
COPY --from=packages /opt/train /opt/train
ARG REVISION=""
LABEL org.opencontainers.image.title="smallscale train" \
      org.opencontainers.image.description="DPO and LCPO training through LLaMA-Factory" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}" \
      ci.smallscale.image="train"
ENV PATH=/opt/train/bin:$PATH PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin train
USER 10001:10001
WORKDIR /tmp
