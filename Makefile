# Needs git, make and Go. Tools are built at the versions of hack/tools/*/go.mod.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# An installed Go that is older than go.mod's fetches that version, also where the installation says GOTOOLCHAIN=local.
export GOTOOLCHAIN ?= auto
ifeq ($(GOTOOLCHAIN),local)
export GOTOOLCHAIN := auto
endif

# Programs and tests share what is compiled.
export GOFLAGS := -trimpath $(GOFLAGS)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo v0.0.0-dev)
LBC := github.com/k8s-lbc/lbc
CHART := charts/aws-load-balancer-controller
# Helm never upgrades definitions in crds/ of a chart. This chart has them as templates, and keeps them when the release is uninstalled.
CRDCHART := charts/aws-load-balancer-controller-crds
KEEP := sed 's|^    controller-gen.kubebuilder.io/version:.*|&\n    helm.sh/resource-policy: keep|'
LDFLAGS := -s -w -X main.version=$(VERSION)
# The playground's Kubernetes reports the version of its module.
KUBERNETES := $(shell awk '$$1 == "k8s.io/kubernetes" {print $$2}' playground/go.mod)
KUBERNETES_LDFLAGS := -X k8s.io/component-base/version.gitVersion=$(KUBERNETES) -X k8s.io/component-base/version.gitMajor=$(word 1,$(subst ., ,$(KUBERNETES:v%=%))) \
	-X k8s.io/component-base/version.gitMinor=$(word 2,$(subst ., ,$(KUBERNETES:v%=%))) -X k8s.io/component-base/version.gitCommit= -X k8s.io/component-base/version.gitTreeState=clean

.PHONY: help playground build build-playground test test-all conformance interruptions soak bench companions fuzz lint generate check-generated image manifests release clean
help: ## list the targets
	@awk -F':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## /{printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Try it

playground: build-playground ## a cluster, an AWS and the controller on this machine; Ctrl-C ends it
	@bin/playground up --controller bin/controller

build: ## build the controller, the command line and the simulator into bin/
	@go build -v -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

build-playground: ## build the controller, the command line and the playground into bin/
	@echo "building the controller, lbc, and the playground with a Kubernetes control plane: minutes the first time"
	@cd playground && go build -v -ldflags '$(LDFLAGS) $(KUBERNETES_LDFLAGS)' -o ../bin/ ./cmd/playground $(LBC)/cmd/controller $(LBC)/cmd/lbc

##@ Develop

# The race detector needs a C compiler.
RACE := $(if $(shell command -v $$(go env CC)),-race)
CONCURRENT := ^$(LBC)/(internal/(controller|aws|targets)|awssim)(/|$$)
# Tests of whole controllers take ten times as long with the race detector, which make test-all gives them.
WHOLE := ^$(LBC)/internal/controller/lab/
# End-to-end tests start these programs. They wait more than they compute, and Go's cache does not see that a program changed.
E2E := CONTROLLER=$(CURDIR)/bin/controller PLAYGROUND=$(CURDIR)/bin/playground go test -C playground -count=1 -timeout=60m

test: build-playground ## unit and golden tests, and the core end-to-end tests
	@$(if $(RACE),,echo "no C compiler ($$(go env CC)): the race detector is off")
	go test -short $(RACE) -timeout=30m $$(go list ./... | grep -E '$(CONCURRENT)' | grep -vE '$(WHOLE)')
	go test -short -timeout=30m $$(go list ./... | grep -vE '$(CONCURRENT)'; go list ./... | grep -E '$(WHOLE)')
	$(E2E) -short -p=4 -parallel=8 ./...

test-all: build-playground ## all tests: the short forms with the race detector everywhere, then all without -short
	@$(if $(RACE),,echo "no C compiler ($$(go env CC)): the race detector is off")
	$(if $(RACE),go test -short $(RACE) -timeout=2h ./...)
	go test -timeout=2h ./...
	$(E2E) -p=4 -parallel=8 ./...

# As root, or with net.ipv4.ip_unprivileged_port_start=0: the tests' clients use the ports of load balancers.
conformance: build-playground ## the Gateway API's conformance tests; RUNS=http,layer4,grpc selects, CONFORMANCE_TEST=NAME runs one
	@LBC_VERSION=$(VERSION) LBC_CONFORMANCE=$${RUNS:-all} LBC_CONFORMANCE_TEST=$$CONFORMANCE_TEST $(E2E) -v -run '^TestConformance$$' ./conformance $(if $(UPDATE),-update)

interruptions: build-playground ## the requests that are lost while pods, nodes, settings or the controller change, as a table; RUNS_EACH (default 1) runs of each cell, CELLS selects
	@LBC_INTERRUPTION_RUNS=$${RUNS_EACH:-1} LBC_INTERRUPTION_CELLS='$(CELLS)' $(E2E) -timeout=24h -v -run '^TestNoRequestIsLost' ./e2e/interruption

soak: build-playground ## random edits, node deaths, kills and faults while clients send requests; SEED (default random) repeats one, TIME (default 3m) is how long
	@seed=$${SEED:-$$RANDOM}; echo "seed $$seed: make soak SEED=$$seed TIME=$${TIME:-3m} repeats it"; LBC_SOAK_SEED=$$seed LBC_SOAK_TIME=$${TIME:-3m} \
		$(E2E) -timeout=24h -v -run '^TestNoRequestFailsUnexplainedAndNothingIsLeftWhateverHappens$$' ./e2e/soak

bench: build-playground ## AWS calls and seconds of the scenarios; CONTROLLER=path measures another binary, ROWS=size many objects
	@go build -o bin/ ./bench/cmd/compute
	@bin/playground bench --controller $${CONTROLLER:-bin/controller} $(if $(ROWS),--rows $(ROWS))

companions: build-playground ## tests with external-dns, Argo Rollouts, Flagger, cert-manager and Helm, which it builds for many minutes
	@mkdir -p bin/companions
	@for p in externaldns:sigs.k8s.io/external-dns argorollouts:github.com/argoproj/argo-rollouts/cmd/rollouts-controller flagger:github.com/fluxcd/flagger/cmd/flagger \
		certmanager:github.com/letsencrypt/pebble/v2/cmd/pebble helm:helm.sh/helm/v4/cmd/helm; do echo "$${p#*:}"; go build -C hack/tools/$${p%%:*} -o ../../../bin/companions/ $${p#*:} || exit 1; done
	@go build -C hack/tools/certmanager -o ../../../bin/companions/cert-manager .
	@LBC_COMPANIONS=$(CURDIR)/bin/companions $(E2E) -v ./e2e/companions/...

fuzz: ## run every fuzz test for FUZZTIME (default 30s)
	@hack/fuzz.sh $${FUZZTIME:-30s}

lint: ## golangci-lint, and functions that neither a program nor a test reaches
	@go build -C hack/tools/lint -o ../../../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@bin/golangci-lint run ./...
	@cd playground && ../bin/golangci-lint run --config ../.golangci.yml ./...
	@go build -C hack/tools/deadcode -o ../../../bin/deadcode golang.org/x/tools/cmd/deadcode
	@dead=$$(bin/deadcode -test -filter '^$(LBC)/(internal|cmd)/' ./...); echo "$$dead"; test -z "$$dead"

generate: ## write generated code, definitions, policies and reference pages
	@go build -C hack/tools/generate -o ../../../bin/controller-gen sigs.k8s.io/controller-tools/cmd/controller-gen
	@bin/controller-gen object paths=./api/...
	@bin/controller-gen crd:crdVersions=v1 paths=./api/... output:crd:artifacts:config=config/crd
	@cat config/crd/elbv2.k8s.aws_*.yaml >$(CHART)/crds/crds.yaml
	@cat config/crd/gateway.k8s.aws_*.yaml >$(CHART)/crds/gateway-crds.yaml
	@$(KEEP) config/crd/elbv2.k8s.aws_*.yaml >$(CRDCHART)/templates/crds.yaml
	@$(KEEP) config/crd/gateway.k8s.aws_*.yaml >$(CRDCHART)/templates/gateway-crds.yaml
	@{ echo '{{- if .Values.globalAccelerator }}'; $(KEEP) config/crd/aga.k8s.aws_*.yaml; echo '{{- end }}'; } >$(CRDCHART)/templates/aga-crds.yaml
	@go test -count=1 ./config/crd -run '^TestCompressedDefinitionsAreThoseOfFiles$$' -update >/dev/null
	@go generate ./awssim/wire
	@go test -count=1 ./awssim -run '^TestActionsAreAllMethodsOfServices$$' -update >/dev/null
	@go test -C playground -count=1 ./cluster/gatewayapi -run Definitions -update >/dev/null
	@go run ./hack/gendocs
	@go test -count=1 ./cmd/lbc -run '^TestTheSchemasOfTheDocumentationAreThoseOfTheCommand$$' -update >/dev/null

check-generated: generate ## fail if generated files are not current, or a page has a broken link or an unknown flag
	@git add --intent-to-add . && git diff --exit-code || { echo "generated files are not current: run make generate and commit"; exit 1; }
	@go run ./hack/links

##@ Release

IMAGE_REPOSITORY ?= ghcr.io/k8s-lbc/aws-load-balancer-controller

image: ## build the controller's image with ko, and push it to IMAGE_REPOSITORY; without a registry, KO_FLAGS='--push=false --tarball=image.tar'
	@go build -C hack/tools/release -o ../../../bin/ github.com/google/ko
	@KO_DOCKER_REPO=$(IMAGE_REPOSITORY) VERSION=$(VERSION) bin/ko build --bare --tags $(VERSION) --platform linux/amd64,linux/arm64 $(KO_FLAGS) ./cmd/controller

# The names of the files are those of the existing controller's releases.
manifests: ## write what kubectl apply takes into bin/release: everything, the IngressClass, the definitions
	@mkdir -p bin/release
	@join() { for f in "$$@"; do echo ---; sed '1{/^---$$/d}' $$f; done; }; v=bin/release/$(subst .,_,$(VERSION)); \
		join config/{crd,rbac,webhook,controller}/*.yaml | sed 's|image: controller$$|image: $(IMAGE_REPOSITORY):$(VERSION)|' >$${v}_full.yaml; \
		join config/ingclass/*.yaml >$${v}_ingclass.yaml; \
		join config/crd/elbv2.*.yaml >bin/release/crds.yaml; join config/crd/gateway.*.yaml >bin/release/gateway-crds.yaml; join config/crd/aga.*.yaml >bin/release/aga-crds.yaml

# Needs a tag at HEAD, or RELEASE_FLAGS='--snapshot --skip=ko,sign' for a try. The notes are the section of the version in CHANGELOG.md.
release: manifests ## build and publish what .goreleaser.yaml lists
	@go build -C hack/tools/release -o ../../../bin/ github.com/goreleaser/goreleaser/v2 github.com/google/go-licenses/v2
	@go build -C hack/tools/helm -o ../../../bin/companions/ helm.sh/helm/v4/cmd/helm
	@for c in $(CHART) $(CRDCHART); do bin/companions/helm package $$c --version $(VERSION:v%=%) --app-version $(VERSION) -d bin/release || exit 1; done
	@bin/go-licenses save ./cmd/controller ./cmd/lbc --save_path bin/licenses --force
	@awk '/^## /{on = $$2 == "$(VERSION)"; next} on' CHANGELOG.md >bin/release-notes.md
	@IMAGE_REPOSITORY=$(IMAGE_REPOSITORY) bin/goreleaser release --clean --release-notes bin/release-notes.md $(RELEASE_FLAGS)

clean: ## remove what was built
	@rm -rf dist bin
