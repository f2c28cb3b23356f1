# Everything that is built, checked or measured here is a target of this file; CI runs `make test` and nothing else.

.DEFAULT_GOAL := help
SHELL := /bin/bash -o pipefail

VERSION := $(shell sed -n 's/^  version: //p' builder-config.yaml)
OCB     := go run go.opentelemetry.io/collector/cmd/builder@v0.160.0
LINT    := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Service discovery of Prometheus without the cloud SDKs: a third less to build. What stays: kubernetes, dns, file, http, static.
TAGS := remove_all_sd,enable_kubernetes_sd,enable_dns_sd

# One static binary that needs no libc. For every target but `unit` (the race detector is C), so that they share compiled packages.
# Without debugging information, which the binary is stripped of anyway: a fifth less to build.
export CGO_ENABLED := 0
export GOFLAGS := $(GOFLAGS) -trimpath -gcflags=all=-dwarf=false

# Twice the processors: packages are many and small, and one that waits for the disk keeps none idle.
JOBS := $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

DIST      := cmd/otelcol-slo
GENERATED := bin/generated

.PHONY: help
help: ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

# With GOGC the compiler collects garbage less often: a tenth less to build.
.PHONY: build
build: export GOGC := 400
build: ## build bin/otelcol-slo
	@cd $(DIST) && { go build net/http & go list -deps -tags=$(TAGS) . >/dev/null; wait; } # the first time, compile while downloading
	cd $(DIST) && go build -p=$(JOBS) -tags=$(TAGS) -ldflags='-s -w -X main.version=$(VERSION)' -o ../../bin/otelcol-slo .

.PHONY: demo
demo: build ## run everything in one process on the traffic of a small shop (ARGS='--for 30s')
	@bin/otelcol-slo demo $(ARGS)

.PHONY: test
test: generate-check vet lint unit parity build integration compliance ## everything that CI checks

# Packages whose property tests are cut short under the race detector; they run in full without it.
LONG := ./internal/sampling ./internal/spanpipe ./internal/tracebuf

.PHONY: unit
unit: ## unit tests under the race detector, in random order; the longest of them in full without it
	CGO_ENABLED=1 go test -race -shuffle=on ./...
	go test -shuffle=on $(LONG)

.PHONY: parity
parity: ## contrib's tail_sampling and ours keep the same traces of the same traffic (ARGS=-parity.each for a row each)
	cd testbed/parity && go test -count=1 -timeout=30m $(ARGS)

.PHONY: integration
integration: build ## tests that start bin/otelcol-slo
	go test -tags=integration -count=1 -p=1 -timeout=30m $(shell grep -rl --include='*_test.go' --exclude-dir=compliance '^//go:build integration' . | xargs -r -n1 dirname | sort -u)

.PHONY: compliance
compliance: build ## Prometheus' cases for remote-write senders, and ours, with bin/otelcol-slo
	go test -tags=integration -count=1 -timeout=5m ./testbed/compliance

.PHONY: fmt
fmt: ## format the code
	$(LINT) fmt

.PHONY: vet
vet: ## go vet, in all modules
	go vet -tags=integration ./...
	cd $(DIST) && go vet -tags=$(TAGS) ./...
	cd testbed/parity && go vet ./...

.PHONY: lint
lint: ## golangci-lint, with .golangci.yml
	$(LINT) run

.PHONY: generate
generate: $(GENERATED) ## write the distribution's components.go, go.mod and go.sum from builder-config.yaml
	cp $(GENERATED)/components.go $(GENERATED)/go.mod $(GENERATED)/go.sum $(DIST)/
	cd testbed/parity && go mod tidy

.PHONY: generate-check
generate-check: $(GENERATED) ## fail where `make generate` or `go mod tidy` would change a file
	go mod tidy -diff
	cd testbed/parity && go mod tidy -diff
	@for file in components.go go.mod go.sum; do \
		diff -u $(DIST)/$$file $(GENERATED)/$$file || { echo "$(DIST)/$$file is stale: run 'make generate'"; exit 1; }; \
	done

# OCB writes a main.go of its own, which stays behind in this folder; and it edits no go.mod but the folder's.
.PHONY: $(GENERATED)
$(GENERATED):
	@mkdir -p bin
	$(OCB) --config builder-config.yaml --skip-compilation --skip-strict-versioning=false

.PHONY: fuzz
fuzz: T ?= 60s
fuzz: ## run each fuzz target for T (default 60s)
	@grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed 's|/[^/]*:func | |' | sort | while read -r package target; do \
		echo "$$package $$target"; go test -run='^$$' -fuzz="^$$target$$" -fuzztime=$(T) $$package || exit 1; \
	done

.PHONY: bench
bench: ## run every Go benchmark
	go test -run='^$$' -bench=. -benchmem ./...

.PHONY: bench-peers
bench-peers: build ## compare with the stock collector: same figures, and what they cost (3 to 4 hours; ARGS=-quick for a look)
	go run ./testbed/cmd/bench-peers $(ARGS)

.PHONY: bench-remotewrite
bench-remotewrite: build ## compare senders of remote write: ours, the stock collector's, Prometheus' agent (about an hour; ARGS=-quick for a look)
	go run ./testbed/cmd/bench-remotewrite $(ARGS)
