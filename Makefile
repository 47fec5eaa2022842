# Faceproof. Two commands matter to a newcomer:
#   make run    build everything and start the demo on http://localhost:8080
#   make test   everything a machine can check, with its own set-up
# Every step is stamped by a file it makes, so a second run takes seconds.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export PATH := $(PATH):/usr/local/go/bin

PORT           ?= 8080
FACEPROOF_DATA ?= data
# Go tests run in their packages' folders: the path must hold there too.
override FACEPROOF_DATA := $(abspath $(FACEPROOF_DATA))
export PORT FACEPROOF_DATA

BIN       := bin/faceproof
NPM_CI    := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
MODELS_IN := models/npm/node_modules/.stamp
WEB_IN    := web/node_modules/.stamp
E2E_IN    := e2e/node_modules/.stamp
WEB_OUT   := web/dist/faceproof.js

GO_FILES  := $(shell find . \( -name node_modules -o -name data -o -name .git -o -name e2e \) -prune -o \
               \( -name '*.go' -o -name '*.sql' -o -name '*.toml' \) -print 2>/dev/null) go.mod go.sum
WEB_FILES := $(shell find web -name node_modules -prune -o -path web/dist -prune -o \
               -type f \( -name '*.ts' -o -name '*.mjs' -o -name '*.js' -o -name '*.html' -o -name '*.css' -o -name '*.svg' -o -name '*.json' \) -print 2>/dev/null)

say = @printf '\033[1m== %s\033[0m\n' '$(1)'

.PHONY: help run build web models models-all setup test lint unit bench faults soak fuzz e2e e2e-all e2e-clients e2e-matrix screenshots clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 14

run: setup $(BIN) models ## build, install the models, start the demo (PORT, FACEPROOF_DATA)
	$(call say,starting on http://localhost:$(PORT))
	@exec $(BIN) --data "$(FACEPROOF_DATA)" serve --demo

build: setup $(BIN) ## bin/faceproof with the web assets inside

web: $(WEB_OUT) ## only the web assets

setup:
	@build/setup.sh base

$(MODELS_IN): models/npm/package-lock.json
	$(call say,3/4 model packages and ONNX Runtime (npm$(comma) 360 MB on disk))
	@build/npm-ci.sh models/npm

$(WEB_IN): web/package-lock.json
	$(call say,1/4 web tools (npm))
	@build/npm-ci.sh web

$(E2E_IN): e2e/package-lock.json
	$(call say,browser test tools (npm))
	@build/npm-ci.sh e2e

$(WEB_OUT): $(WEB_IN) $(WEB_FILES)
	$(call say,1/4 web assets)
	@cd web && npm run --silent build
	@touch $@

$(BIN): $(WEB_OUT) $(GO_FILES)
	$(call say,2/4 bin/faceproof (the first build takes a minute or two))
	@mkdir -p bin
	go build -o $@ ./cmd/faceproof

# The mirror serves YuNet and MobileFaceNet without a network; see docs/models.md.
models: $(FACEPROOF_DATA)/models/active ## install the models into FACEPROOF_DATA

$(FACEPROOF_DATA)/models/active: | $(BIN) $(MODELS_IN)
	$(call say,4/4 models)
	@build/models.sh auto

# The tests compare the packs with each other; the one in use stays the active one.
models-all: models
	@build/models.sh both

test: ## gofmt, vet, staticcheck, Go -race, TypeScript, size, browser tests
	@build/test.sh

lint: $(WEB_OUT) ## gofmt, vet, staticcheck, tsc
	@build/test.sh lint

unit: $(WEB_OUT) ## Go and TypeScript tests only
	@build/test.sh go web

e2e: ## the browser tests of make test only
	@build/test.sh e2e

e2e-all: ## the browser tests, those that make test leaves out for their length too
	@E2E_ALL=1 build/test.sh e2e

e2e-clients: setup $(BIN) models ## a public SDK of WeChat, and a backend that only changes its base URL
	@cd e2e/clients && go vet . && CI=true FACEPROOF_DATA="$(abspath $(FACEPROOF_DATA))" go test -count=1 .

e2e-matrix: setup $(BIN) models $(E2E_IN) ## attacks and genuine sessions, 20 of each; RUNS, MODES, JOBS
	@build/setup.sh chromium speech
	@cd e2e && node matrix.mjs

screenshots: setup $(BIN) models $(E2E_IN) ## docs/images/*.png from the running demo
	@build/setup.sh chromium fonts
	@cd e2e && node screenshots.mjs

bench: ## Go benchmarks: decode, detect, embed, randomisation test, whole session
	go test -run '^$$' -bench . -benchmem ./internal/...

# What survives kill -9, a full disk, a failing disk and a power cut, in full:
# a quarter of an hour. Its rows go to bin/acceptance; docs/acceptance.md is
# made of them by go run ./build/acceptance -rows bin/acceptance.
FAULTS := FACEPROOF_FAULTS=full FACEPROOF_FAULTS_BINARY=$(abspath bin/faceproof-failpoint) FACEPROOF_ACCEPTANCE=$(abspath bin/acceptance) \
          go test -count=1 -timeout 60m -tags failpoint -v -run '^TestFaults'
faults: ## kill -9, full and failing disks, power cuts, lost answers: in full, with controls
	@mkdir -p bin
	go build -tags failpoint -o bin/faceproof-failpoint ./cmd/faceproof
	$(FAULTS) ./internal/store
	$(FAULTS) ./cmd/faceproof

soak: build models ## what docs/acceptance.md says of the rest, in full: guesses, uploads, canaries, matrices, 400 days
	@build/soak.sh

FUZZTIME ?= 10s
fuzz: ## every fuzz target for FUZZTIME each
	@build/fuzz.sh $(FUZZTIME)

clean: ## build outputs; never the data folder
	rm -rf bin e2e/out e2e/node_modules web/node_modules models/npm/node_modules eval/peers/node_modules
	find web/dist -mindepth 1 ! -name placeholder.txt -delete 2>/dev/null || true

comma := ,
