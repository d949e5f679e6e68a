# Where generated programs run when they are judged: Python, nothing else, nobody's rights.
#   smallscale image build sandbox
ARG BASE_IMAGE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
FROM ${BASE_IMAGE}
# What could be used to get out or to get more in is taken away: pip, package managers, setuid bits.
RUN for tool in pip ensurepip; do rm -rf /usr/lib/python3*/$tool /usr/local/lib/python3*/$tool \
        /usr/local/lib/python3*/site-packages/$tool*; done \
    && rm -rf /usr/local/bin/pip* /var/cache/apt /var/lib/apt/lists \
    && find / -xdev -perm /6000 -type f -exec chmod a-s {} + \
    && python3 -c "import sys; assert sys.version_info >= (3, 11)"
LABEL org.opencontainers.image.title="smallscale sandbox" \
      org.opencontainers.image.description="Runs generated programs for smallscale's code judge" \
      org.opencontainers.image.licenses="Apache-2.0" \
      ci.smallscale.image="sandbox"
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sandbox
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["python3"]
