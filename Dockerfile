# One image for the server, the gateway and batch runs: `serve` (the default), `gateway`, `batch CONFIG`.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY protos protos
COPY server server
COPY storage storage
COPY client client
COPY configs/prompts configs/prompts
RUN python -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir build==1.3.0 hatchling==1.33.0 \
    && /opt/build/bin/python -m build --no-isolation --wheel --outdir /dist \
    && /opt/venv/bin/pip install --no-cache-dir --no-deps /dist/*.whl

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home aitrader && install -d -o aitrader /data
COPY --from=build /opt/venv /opt/venv
COPY --chmod=755 configs/deploy/entrypoint.sh /usr/local/bin/entrypoint
COPY configs/*.json /configs/
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AITRADER_HOST=0.0.0.0 \
    AITRADER_PORT=50051 \
    AITRADER_DB=/data/jobs.db \
    AITRADER_CONFIGS=/configs \
    AITRADER_DATA_DIR=/data \
    AITRADER_LOG_FORMAT=json \
    API_HOST=0.0.0.0
USER 10001
VOLUME /data
EXPOSE 50051 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["ai-trader-server", "health"]
ENTRYPOINT ["entrypoint"]
CMD ["serve"]
