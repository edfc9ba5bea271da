# The page with its checkpoints, ready to run:
#   docker build -t pay-attention . && docker run --rm -p 7860:7860 pay-attention
# With an NVIDIA GPU: docker run --rm --gpus all -p 7860:7860 pay-attention
# For a machine without one, a much smaller image: --build-arg TORCH_INDEX=<address of an index of CPU-only torch builds>
ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
WORKDIR /srv

# Every file is checked against its hash. Builds of another index have other hashes: there the versions alone are fixed,
# and torch and torchvision come from that one index, as builds for different devices do not load together.
ARG TORCH_INDEX=
COPY requirements.txt requirements.lock constraints.txt ./
RUN if [ -n "$TORCH_INDEX" ]; then \
      python -m pip install --no-cache-dir --no-deps --index-url "$TORCH_INDEX" -c constraints.txt torch torchvision \
      && python -m pip install --no-cache-dir -r requirements.txt -c constraints.txt; \
    else \
      python -m pip install --no-cache-dir --require-hashes -r requirements.lock; \
    fi

# any user, a read-only root and no network will do: nothing is written outside /tmp, nothing is fetched
ENV GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_ANALYTICS_ENABLED=False \
    GRADIO_TEMP_DIR=/tmp/gradio \
    HF_HUB_OFFLINE=1 \
    HF_HOME=/tmp/huggingface \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_VISIBLE_DEVICES=all \
    PYTHONUNBUFFERED=1 \
    XDG_CACHE_HOME=/tmp/cache

# readable by any user, whatever the modes in the folder this is built from
COPY --chmod=755 LICENSE ./
COPY --chmod=755 assets assets
COPY --chmod=755 model model
COPY --chmod=755 app app
RUN python -m compileall -q model app

USER 1000:1000
EXPOSE 7860
# SIGINT works from the first moment; the first process takes SIGTERM only once the page is set up
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-m", "app.server.health"]
CMD ["python", "-m", "app"]
