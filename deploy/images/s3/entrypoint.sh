#!/bin/sh
# Run SeaweedFS with one identity.
#
#   S3_ACCESS_KEY, S3_SECRET_KEY   of the identity, which may do all
#   S3_NODE                        this container's name in the network; default: its host name
#   S3_PEERS                       all nodes, "s3-1:9333,s3-2:9333,s3-3:9333": each object is then on two of them
set -eu
umask 077
node=${S3_NODE:-$(hostname)}
cat >/tmp/s3.json <<JSON
{"identities": [{"name": "owner", "credentials": [{"accessKey": "$S3_ACCESS_KEY", "secretKey": "$S3_SECRET_KEY"}],
                 "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}
JSON
set -- -dir=/data -ip="$node" -ip.bind=0.0.0.0 -filer -s3 -s3.config=/tmp/s3.json -s3.port=8333 -s3.port.iceberg=0 \
    -s3.port.lance=0 -volume.max=100 -master.volumeSizeLimitMB=256 -master.telemetry=false
if [ -n "${S3_PEERS:-}" ]; then
    set -- "$@" -master.peers="$S3_PEERS" -master.defaultReplication=001 -filer.defaultReplicaPlacement=001
fi
exec weed server "$@"
