#!/usr/bin/env bash
# Installs model packs into FACEPROOF_DATA. auto: the standard one when a mirror
# or the network has it, else the offline one, with the installer's own warning.
# both: the offline one as well, for the tests; the active pack stays what it is.
set -euo pipefail
data=${FACEPROOF_DATA:-data}
args=(--data "$data" models install)
mirror=()
if [ -n "${FACEPROOF_MODELS_MIRROR:-}" ]; then
  mirror=(--mirror "$FACEPROOF_MODELS_MIRROR")
elif [ -d ../shared/models ]; then
  mirror=(--mirror ../shared/models)
fi
case ${1:-auto} in
  auto) exec bin/faceproof "${args[@]}" --pack "${FACEPROOF_PACK:-auto}" "${mirror[@]}" ;;
  both)
    active=$(cat "$data/models/active")
    bin/faceproof "${args[@]}" --pack offline >/dev/null 2>&1
    bin/faceproof "${args[@]}" --pack "$active" "${mirror[@]}" >/dev/null 2>&1
    echo "   packs: offline and $active, $active active"
    ;;
  *) echo "models: auto or both" >&2; exit 2 ;;
esac
