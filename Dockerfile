# One image for every process: `twin ingest`, `twin web`, `twin simulate`.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY twin twin
COPY connectors connectors
COPY dashboards dashboards
RUN pip install -c constraints.txt . \
 && useradd --create-home --uid 10001 twin \
 && mkdir /data && chown twin /data
USER twin
WORKDIR /data
VOLUME /data
EXPOSE 8050
ENTRYPOINT ["twin"]
CMD ["--help"]
