# placa with R, TensorFlow and pandoc on Debian 12, as make setup installs them:
#
#   docker build -t placa .
#   docker run --rm -v "$PWD:/work" placa demo
FROM debian:bookworm-slim
RUN apt-get update -qq \
 && apt-get install -yqq --no-install-recommends python3 python3-venv make git ca-certificates
COPY . /opt/placa
WORKDIR /opt/placa
RUN make setup
ENV PATH=/opt/placa/.venv/bin:$PATH
WORKDIR /work
ENTRYPOINT ["placa"]
CMD ["--help"]
