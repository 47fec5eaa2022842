#!/usr/bin/env bash
# Installs a model pack into FACEPROOF_DATA: the standard one when a mirror or
# the network has it, else the offline one, with the installer's own warning.
set -euo pipefail
args=()
if [ -n "${FACEPROOF_MODELS_MIRROR:-}" ]; then
  args+=(--mirror "$FACEPROOF_MODELS_MIRROR")
elif [ -d ../shared/models ]; then
  args+=(--mirror ../shared/models)
fi
exec bin/faceproof --data "${FACEPROOF_DATA:-./data}" models install --pack "${FACEPROOF_PACK:-auto}" "${args[@]}"
