# Everything needs only git, make and Go; what else it uses, it installs below bin/ at the versions pinned in hack/tools/*/go.mod.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo v0.0.0-dev)
# Without tables for debuggers, linking takes half the time; stack traces do not need them. Functions follow each other without gaps,
# which takes a hundredth off every program.
STRIPPED := -s -w -funcalign=1
LDFLAGS := $(STRIPPED) -X main.version=$(VERSION)
LBC := github.com/k8s-lbc/lbc
CHART := charts/aws-load-balancer-controller
# The chart of the definitions: Helm upgrades templates, and never what is in crds/ of a chart. It keeps them when the release is uninstalled.
CRDCHART := charts/aws-load-balancer-controller-crds
KEEP := sed 's|^    controller-gen.kubebuilder.io/version:.*|&\n    helm.sh/resource-policy: keep|'
# The playground's Kubernetes tells the version of its module, as a release's build makes it.
KUBERNETES := $(shell awk '$$1 == "k8s.io/kubernetes" {print $$2}' playground/go.mod)
KUBERNETES_LDFLAGS := -X k8s.io/component-base/version.gitVersion=$(KUBERNETES) -X k8s.io/component-base/version.gitMajor=$(word 1,$(subst ., ,$(KUBERNETES:v%=%))) \
	-X k8s.io/component-base/version.gitMinor=$(word 2,$(subst ., ,$(KUBERNETES:v%=%))) -X k8s.io/component-base/version.gitCommit= -X k8s.io/component-base/version.gitTreeState=clean
GO ?= go
# The same for building, testing and linting, so that they share what is compiled. Only the standard library, but for STANDARD, is compiled with
# inlining and with tables for debuggers. That takes a quarter off the first build and 3 percent off programs. See docs/architecture/builds.md.
STANDARD := bufio compress/... crypto/ecdsa crypto/elliptic crypto/hpke crypto/internal/fips140/mldsa crypto/internal/fips140/mlkem \
	crypto/internal/fips140/rsa crypto/rsa crypto/tls crypto/x509 encoding/asn1 encoding/json/... encoding/xml fmt go/... hash/... html/template \
	internal/profile log/... math/big mime/... net net/http/... net/textproto net/url os/... regexp/... runtime/pprof sort strings text/template/... \
	time vendor/...
LIBRARIES := github.com/... go.etcd.io/... go.opentelemetry.io/... go.uber.org/... go.yaml.in/... golang.org/... google.golang.org/... gopkg.in/... k8s.io/... \
	sigs.k8s.io/... $(STANDARD)
# The linker leaves out what nothing uses of OpenTelemetry's names, if they are compiled with inlining, and of the descriptions of fields in
# Kubernetes' types, if the compiler puts the code that fills each map into a function of its own.
INLINED := go.opentelemetry.io/otel/attribute go.opentelemetry.io/otel/semconv/...
DESCRIBED := k8s.io/api/... k8s.io/apimachinery/pkg/apis/... k8s.io/apiextensions-apiserver/pkg/apis/...
# Templates find listed methods only, so that the linker leaves out others: 14 MB of the playground. Without the script's answer programs are larger.
# An installed Go that is older than go.mod's fetches that version, also where the installation says GOTOOLCHAIN=local.
export GOTOOLCHAIN ?= auto
OVERLAY := $(shell hack/overlay/overlay.sh bin/.overlay)
# Go replaces no file of a toolchain that it fetched, unless the toolchain has another name.
ifneq ($(wildcard bin/.overlay/go),)
export GOROOT := $(CURDIR)/bin/.overlay/go
export PATH := $(GOROOT)/bin:$(PATH)
GOTOOLCHAIN := local
endif
# make lint runs vet over our packages; go test would run it over each of the two thousand that they import, too.
export GOFLAGS := -trimpath -vet=off $(LIBRARIES:%='-gcflags=%=-l -dwarf=false') $(INLINED:%='-gcflags=%=-dwarf=false') \
	$(DESCRIBED:%='-gcflags=%=-l -dwarf=false -d=wrapglobalmapctl=2') $(OVERLAY:%=-overlay=%) $(GOFLAGS)
# Without cgo, programs are linked by Go itself and not by gcc, which takes ten seconds more for the one that has a Kubernetes in it. The race detector needs it.
export CGO_ENABLED ?= 0
# The compiler and the linker collect garbage only near 1.5 GB of memory: a seventh less processor time than with GOGC=200.
BUILD := GOGC=$${GOGC:-off} GOMEMLIMIT=$${GOMEMLIMIT:-1500MiB} bin/progress $(GO) build
# Test flags, such as TESTFLAGS='-run Weights -v'.
TESTFLAGS ?=

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Try it

.PHONY: playground
playground: build-playground ## a cluster, an AWS and the controller on this machine; Ctrl-C ends it
	@bin/playground up --controller bin/controller

.PHONY: build
build: bin/progress ## build the controller, the command line and the simulator into bin/
	@echo "building controller, lbc and awssim (minutes the first time, seconds later)"
	@$(BUILD) -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: build-controller
build-controller: bin/progress
	@echo "building the controller and lbc (minutes the first time, seconds later)"
	@$(BUILD) -ldflags '$(LDFLAGS)' -o bin/ ./cmd/controller ./cmd/lbc

# The programs that end-to-end tests start. Only the playground links a Kubernetes; the tests run its control plane as a process.
.PHONY: build-of-tests
build-of-tests: build-controller
	@echo "building the playground, whose control plane the tests run"
	@$(BUILD) -C playground -ldflags '$(LDFLAGS) $(KUBERNETES_LDFLAGS)' -o ../bin/ ./cmd/playground
PROGRAMS_OF_TESTS = CONTROLLER=$(CURDIR)/bin/controller PLAYGROUND=$(CURDIR)/bin/playground

# What is measured is compiled as releases are, with inlining in all packages, the API server and etcd among them.
.PHONY: build-bench
build-bench: bin/progress
	@echo "building the controller and the playground as for a release, into bin/bench (minutes the first time)"
	@GOFLAGS=-trimpath CGO_ENABLED=0 $(BUILD) -C playground -ldflags '$(LDFLAGS) $(KUBERNETES_LDFLAGS)' -o ../bin/bench/ ./cmd/playground $(LBC)/cmd/controller $(LBC)/bench/cmd/compute

# One build of all three programs: what they share, our own packages too, is compiled once, and while one is linked others are compiled.
.PHONY: build-playground
build-playground: bin/progress ## build the controller, lbc and the playground (minutes the first time: it links a Kubernetes control plane)
	@echo "building the controller, lbc and the playground (with etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl inside)"
	@$(BUILD) -C playground -ldflags '$(LDFLAGS) $(KUBERNETES_LDFLAGS)' -o ../bin/ ./cmd/playground $(LBC)/cmd/controller $(LBC)/cmd/lbc

# The programs are compared with their budgets after each build for the end-to-end tests, too.
.PHONY: sizes
sizes: build-playground ## build the three programs and compare their sizes with the budget of hack/budget
	@LBC_BINARIES=$(CURDIR)/bin $(GO) test -count=1 -v ./hack/budget -run Binaries

##@ Develop

# One area: make test PKG=./internal/compile/... runs its tests, those of the packages that import it and the golden files of the whole
# pipeline, and names what it leaves to make check. One test alone: make test PKG=./internal/plan RUN='^TestX$$$$'.
PKG ?=
RUN ?=
TESTRUN = $(PROGRAMS_OF_TESTS) bin/testrun $(if $(RUN),-run '$(RUN)') $(if $(TESTFLAGS),-flags '$(TESTFLAGS)')
# Only end-to-end tests need the binaries.
BINARIES_OF_TESTS = $(if $(filter-out ./playground%,$(PKG)),,build-of-tests)

.PHONY: test
test: bin/testrun $(BINARIES_OF_TESTS) ## all that a change needs, 15 minutes: race detector where something is concurrent, core end-to-end tests; PKG=./internal/compile/... for an area and what imports it, 2 minutes; RUN=TestX for one of its tests
	@$(if $(BINARIES_OF_TESTS),LBC_BINARIES=$(CURDIR)/bin $(GO) test -count=1 ./hack/budget -run Binaries)
	@$(TESTRUN) $(if $(PKG),area $(PKG),test)

.PHONY: check
check: bin/testrun bin/golangci-lint ## the loop while working, 4 minutes: unit and golden tests and linters; only what changed runs again
	@bin/testrun $(if $(TESTFLAGS),-flags '$(TESTFLAGS)') check
	@bin/golangci-lint run --allow-parallel-runners ./...

.PHONY: test-all
test-all: bin/testrun build-of-tests ## everything there is, 75 minutes: every seed, all end-to-end suites, conformance, companions, fuzzing, a short soak
	@$(TESTRUN) all
	@$(MAKE) --no-print-directory growth
	@$(MAKE) --no-print-directory conformance
	@$(MAKE) --no-print-directory companions
	@$(MAKE) --no-print-directory fuzz FUZZTIME=$${FUZZTIME:-20s}
	@$(MAKE) --no-print-directory soak TIME=3m

EMULATED ?= 1.34
.PHONY: test-emulated
test-emulated: build-of-tests ## the acceptance tests on an API server that emulates 1.34, the oldest version that it can; EMULATED=1.35 for another
	@LBC_KUBERNETES=$(EMULATED) $(PROGRAMS_OF_TESTS) $(GO) test -C playground -count=1 -timeout 30m ./e2e/acceptance

# Counts, no times: the rows are the same on each machine. Rows of tests that fail are printed too.
GROWTH_PACKAGES = ./awssim/acm ./cmd/controller ./internal/aws/inventory ./internal/aws/inventory/certificate ./internal/aws/inventory/securitygroup ./internal/aws/refusal ./internal/compile ./internal/compile/merge ./internal/compile/shard ./internal/controller/bindingpass ./internal/controller/checkpoint ./internal/controller/metrics ./internal/controller/networking ./internal/controller/reads ./internal/controller/reporting ./internal/controller/stacks ./internal/controller/webhook ./internal/front ./internal/front/gateway ./internal/front/gateway/attachment ./internal/front/ingress ./internal/model/facts ./internal/targets/bindings ./internal/targets/registrar ./internal/targets/sgsync
.PHONY: growth
growth: ## print what one event costs with 250, 1,000 and 4,000 objects, and the exponent; fails where the cost grows
	@echo "| test | counted | 250 | 1,000 | 4,000 | exponent |"
	@LBC_GROWTH=long $(GO) test -count=1 -v -run 'Grow|Cost|Among|Few|DependOnEverything|ReadsNoGrants' $(GROWTH_PACKAGES) > bin/growth.txt; failed=$$?; \
		LBC_GROWTH=long $(GO) test -count=1 -v -run 'IdleSecondCosts|CheckOfAnEditCosts|CommandsCost|NameOthersCost|CostTheSameHoweverMany|CostsTheSame' ./internal/controller ./cmd/lbc ./awssim >> bin/growth.txt || failed=1; \
		sed -n 's/^.*: growth |/|/p; /^ *--- FAIL/p; /want at most/p' bin/growth.txt; exit $$failed

.PHONY: testtimes
testtimes: bin/testrun ## print the hundred dearest tests of the last run of each suite; MEASURE=1 runs make test first and records processor time
	@$(if $(MEASURE),$(MAKE) --no-print-directory build-of-tests && $(TESTRUN) -measure test)
	@bin/testrun times

.PHONY: e2e-tests
e2e-tests: bin/testrun ## print each end-to-end test, whether make test runs it, and what only it shows
	@bin/testrun list

# The controller's processes write their counters into GOCOVERDIR.
.PHONY: bare
bare: ## what a bare machine does with a fresh clone: an empty home, only git, make and Go; prints the seconds until the playground answers
	@hack/bare.sh

COVERAGE = $(CURDIR)/bin/coverage
.PHONY: coverage
coverage: bin/testrun build-controller ## statement coverage of make test and of make test-all over our packages, merged over all test binaries; fails if the first is below 97 % of the second
	@hack/coverage.sh $(COVERAGE)

# All of the table of docs/benchmarks.md, or the cells that CELLS chooses, such as CELLS='node death/NLB.*/with$$'.
RUNS_EACH ?= 20
.PHONY: interruptions
interruptions: build-of-tests ## the requests that are lost while pods, nodes, settings or the controller change, as a table; RUNS_EACH=1 for one run of each cell, CELLS chooses some
	@LBC_INTERRUPTION_RUNS=$(RUNS_EACH) LBC_INTERRUPTION_CELLS='$(CELLS)' LBC_INTERRUPTION_RESULTS=$(CURDIR)/playground/e2e/interruption/testdata/results.json $(PROGRAMS_OF_TESTS) \
		$(GO) test -C playground -count=1 -timeout 24h -v $(TESTFLAGS) -run '^TestNoRequestIsLost' ./e2e/interruption
	@$(MAKE) --no-print-directory interruptions-page

.PHONY: faults
faults: ## how long each alert takes to fire in its fault, and to end after the cure, as a table
	@$(GO) test -C playground -count=1 -v -run '^TestAlertsFireInTheirFaultsOnly$$' ./alerts | sed -n 's/^ *|/|/p'

.PHONY: interruptions-page
interruptions-page: ## write the table of docs/benchmarks.md from the results of "make interruptions", also of one that was interrupted
	@$(GO) test -C playground -count=1 ./e2e/interruption -run TestThePageShowsTheResults -update >/dev/null

# As root, or with net.ipv4.ip_unprivileged_port_start=0: the tests' clients use the ports of load balancers.
.PHONY: conformance
conformance: build-of-tests ## the Gateway API's conformance tests in the playground, compared with their lists; RUNS=http,layer4,grpc selects, CONFORMANCE_TEST=NAME runs one
	@$(PROGRAMS_OF_TESTS) LBC_VERSION=$(VERSION) LBC_CONFORMANCE=$${RUNS:-all} LBC_CONFORMANCE_TEST=$$CONFORMANCE_TEST \
		$(GO) test -C playground -count=1 -timeout 60m -v -run '^TestConformance$$' ./conformance

.PHONY: conformance-reports
conformance-reports: build-of-tests ## run the conformance tests, and keep their reports in playground/conformance/reports
	@$(PROGRAMS_OF_TESTS) LBC_VERSION=$(VERSION) LBC_CONFORMANCE=all \
		$(GO) test -C playground -count=1 -timeout 60m -v -run '^TestConformance$$' ./conformance -update
	@$(MAKE) --no-print-directory conformance-page

.PHONY: conformance-page
conformance-page: ## write docs/conformance.md from the lists of the conformance tests and the kept reports
	@$(GO) test -C playground -count=1 ./conformance -run TestThePageOfTheConformanceTests -update >/dev/null

.PHONY: lint
lint: bin/golangci-lint bin/deadcode ## gofmt, vet and the linters of .golangci.yml, in all modules with code of ours; functions that no program reaches
	@bin/golangci-lint run --allow-parallel-runners ./...
	@cd playground && ../bin/golangci-lint run --allow-parallel-runners --config ../.golangci.yml ./...
	@cd hack/tools/image && ../../../bin/golangci-lint run --allow-parallel-runners --config ../../../.golangci.yml ./...
	@LBC_DEADCODE=$(CURDIR)/bin/deadcode $(GO) test -count=1 ./hack/deadcode

.PHONY: generate
generate: bin/controller-gen ## write generated code, CRDs, names on the wire, IAM policies, notices of licences and reference pages anew
	@bin/controller-gen object paths=./api/...
	@bin/controller-gen crd:crdVersions=v1 paths=./api/... output:crd:artifacts:config=config/crd
	@cat config/crd/elbv2.k8s.aws_*.yaml >$(CHART)/crds/crds.yaml
	@cat config/crd/gateway.k8s.aws_*.yaml >$(CHART)/crds/gateway-crds.yaml
	@$(KEEP) config/crd/elbv2.k8s.aws_*.yaml >$(CRDCHART)/templates/crds.yaml
	@$(KEEP) config/crd/gateway.k8s.aws_*.yaml >$(CRDCHART)/templates/gateway-crds.yaml
	@{ echo '{{- if .Values.globalAccelerator }}'; $(KEEP) config/crd/aga.k8s.aws_*.yaml; echo '{{- end }}'; } >$(CRDCHART)/templates/aga-crds.yaml
	@$(GO) test -count=1 ./config/crd -run '^TestCompressedDefinitionsAreThoseOfFiles$$' -update >/dev/null
	@$(GO) generate ./awssim/wire
	@$(GO) test -count=1 ./awssim -run '^TestActionsAreAllMethodsOfServices$$' -update >/dev/null
	@$(GO) test -C playground -count=1 ./cluster/gatewayapi -run Definitions -update >/dev/null
	@$(GO) run ./hack/gendocs
	@$(GO) test -count=1 ./cmd/lbc -run '^TestTheSchemasOfTheDocumentationAreThoseOfTheCommand$$' -update >/dev/null
	@$(GO) run ./hack/manifests -kustomization
	@$(GO) run ./hack/notices ./cmd/controller ./cmd/lbc

GENERATED := api internal/aws/awsclient/statements.go awssim/actions.go awssim/wire $(CHART)/crds $(CHART)/README.md $(CRDCHART)/templates config docs playground/cluster/gatewayapi THIRD_PARTY_NOTICES

.PHONY: record-release
record-release: ## record what VERSION makes in AWS of the cases of hack/parity, for the test that later versions change nothing at an upgrade
	@test "$(origin VERSION)" = "command line" || { echo "which release? make record-release VERSION=v1.2.3"; exit 1; }
	@$(GO) test -count=1 ./hack/parity -run '^TestRecordARelease$$' -record $(VERSION)

.PHONY: check-generated
check-generated: generate ## fail if generated files are not current
	@git diff --exit-code -- $(GENERATED) || { echo "generated files are not current: run make generate and commit"; exit 1; }
	@test -z "$$(git status --porcelain -- $(GENERATED))" || { git status --short -- $(GENERATED); echo "generated files are not committed"; exit 1; }

.PHONY: site
site: ## build the documentation as a static site with search into dist/site; links are checked
	@$(GO) run ./hack/site -out dist/site

.PHONY: recording
recording: build-playground ## run the first steps of the README in a playground and draw the session: docs/images/playground.svg
	@hack/recording.sh

.PHONY: screenshots
screenshots: ## take the screenshots of docs/console.md in Chromium: docs/images/console-*.png
	@LBC_SCREENSHOTS=$(CURDIR)/docs/images $(GO) test -count=1 -run '^TestScreenshots$$' ./internal/view/console

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (default 30s) each
	@hack/fuzz.sh $${FUZZTIME:-30s}

.PHONY: random-edits
random-edits: ## random edits, restarts and faults in one process, from LBC_EDITS_SEEDS (default 100) seeds from LBC_EDITS_FIRST (default 1) on, each compared with a fresh start
	@LBC_EDITS_SEEDS=$${LBC_EDITS_SEEDS:-100} $(GO) test -count=1 -timeout 60m -run TestRandomEditsRestartsAndFaultsEndWhereAFreshStartDoes ./internal/controller/lab/chaos

.PHONY: soak
soak: build-of-tests ## the binary under random edits, rollouts, node deaths, kills, upgrades and faults while clients send requests; SEED (default random) repeats one, TIME (default 3m) is how long
	@seed=$${SEED:-$$RANDOM}; echo "seed $$seed: make soak SEED=$$seed TIME=$${TIME:-3m} repeats it"; LBC_SOAK_SEED=$$seed LBC_SOAK_TIME=$${TIME:-3m} $(PROGRAMS_OF_TESTS) \
		$(GO) test -C playground -count=1 -timeout 24h -v $(TESTFLAGS) -run '^TestNoRequestFailsUnexplainedAndNothingIsLeftWhateverHappens$$' ./e2e/soak

# The programs are compiled only once; the tests take some minutes.
.PHONY: companions
companions: build-of-tests bin/companions/external-dns bin/companions/rollouts-controller bin/companions/flagger bin/companions/cert-manager bin/companions/pebble bin/companions/helm ## external-dns, Argo Rollouts, Flagger, cert-manager and Helm, their own code, beside the controller; compiles them for many minutes the first time
	@LBC_TEST_ALL=1 LBC_COMPANIONS=$(CURDIR)/bin/companions $(PROGRAMS_OF_TESTS) $(GO) test -C playground -count=1 -timeout 30m -v $(TESTFLAGS) ./e2e/companions/...

.PHONY: bench
bench: build-bench ## the budget table and the simulator, measured; CONTROLLER=path measures another binary, ENDPOINT=url another AWS mock
	@bin/bench/playground bench --controller $${CONTROLLER:-bin/bench/controller} $${ENDPOINT:+--endpoint $$ENDPOINT}
	@echo "the simulator (goals: 100,000 reads/s in the process, 50 ms for all of 1,000 load balancers over HTTP, 20 KB each, 10,000 requests/s)"
	@$(GO) test -run '^$$' -bench 'ThousandLoadBalancers|MemoryOfALoadBalancer' ./awssim
	@$(GO) test -run '^$$' -bench 'BenchmarkALB' ./awssim/dataplane

.PHONY: size
size: build-bench ## 5,000 Ingresses, 50,000 pods and 10,000 foreign load balancers: what an object costs, starts, rollout, deletion; half an hour, 6 GB of memory
	@bin/bench/playground bench --rows size --timeout 30m --controller-arg=--enable-leader-election=false --controller $${CONTROLLER:-bin/bench/controller}

##@ Release

# Production builds have neither the playground's compiler flags nor its caches: GOFLAGS is replaced, not extended.
PLATFORMS ?= linux/amd64 linux/arm64
RELEASE := GOFLAGS=-trimpath CGO_ENABLED=0 bin/progress $(GO) build -ldflags '$(LDFLAGS)'
SOURCE_URL ?=

.PHONY: binaries
binaries: bin/progress ## the controller and lbc for PLATFORMS (default linux/amd64 linux/arm64), static, into dist/
	@for p in $(PLATFORMS); do echo "building the controller and lbc for $$p (minutes the first time)"; \
		GOOS=$${p%/*} GOARCH=$${p#*/} $(RELEASE) -o dist/bin/$${p/\//-}/ ./cmd/controller ./cmd/lbc || exit 1; done

comma := ,
.PHONY: image
image: binaries bin/image ## the container image for PLATFORMS as an OCI layout in dist/image, and its components; IMAGE=NAME:TAG copies it to a registry
	@bin/image -version $(VERSION) -out dist/image -source '$(SOURCE_URL)' -licenses LICENSE,THIRD_PARTY_NOTICES -push '$(IMAGE)' $(foreach p,$(PLATFORMS),$(p)=dist/bin/$(subst /,-,$(p))/controller$(comma)dist/bin/$(subst /,-,$(p))/lbc)

# Where releases push the image to; manifests and the chart name it.
IMAGE_REPOSITORY ?= ghcr.io/k8s-lbc/aws-load-balancer-controller

.PHONY: manifests
manifests: ## manifests for kubectl apply into dist/: full, IngressClass, definitions; config/ is the base for kustomize
	@$(GO) run ./hack/manifests -out dist -version $(VERSION) -image $(IMAGE_REPOSITORY):$(VERSION)

# Where the command line is used from.
LBC_PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

.PHONY: lbc-binaries
lbc-binaries: bin/progress ## the command line for LBC_PLATFORMS (default Linux and macOS), into dist/
	@for p in $(LBC_PLATFORMS); do echo "building lbc for $$p (minutes the first time)"; \
		GOOS=$${p%/*} GOARCH=$${p#*/} $(RELEASE) -o dist/bin/$${p/\//-}/ ./cmd/lbc || exit 1; done

.PHONY: changelog
changelog: ## join release-notes/unreleased to the section of VERSION in CHANGELOG.md
	@$(GO) run ./hack/release -version $(VERSION) join

# What stops a release stops it before anything is built. Publishing is the part of .github/workflows/release.yml.
.PHONY: release
release: ## all that is published of VERSION, with notes and checksums, into dist/; DRY_RUN=1 needs neither a tag nor a clean tree
	@$(GO) run ./hack/release -version $(VERSION) $(if $(DRY_RUN),-dry-run) check
	@rm -rf dist
	@$(MAKE) --no-print-directory lbc-binaries image manifests VERSION=$(VERSION)
	@$(GO) run ./hack/release -version $(VERSION) -image $(IMAGE_REPOSITORY) $(if $(DRY_RUN),-dry-run) pack

.PHONY: vulnerabilities
vulnerabilities: bin/govulncheck ## look up what is linked in Go's database of vulnerabilities; GOVULNDB names a copy of it, and without any it only says so
	@hack/vulnerabilities.sh ./...
	@hack/vulnerabilities.sh -C playground ./...

.PHONY: clean
clean: ## remove what was built into bin/ and dist/
	@rm -rf dist bin/*

bin/controller-gen: hack/tools/generate/go.mod
	@echo "building controller-gen"
	@$(GO) build -C hack/tools/generate -o ../../../bin/controller-gen sigs.k8s.io/controller-tools/cmd/controller-gen

bin/golangci-lint: hack/tools/lint/go.mod
	@echo "building golangci-lint (a minute or two the first time)"
	@$(GO) build -C hack/tools/lint -o ../../../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

bin/deadcode: hack/tools/deadcode/go.mod
	@echo "building deadcode"
	@$(GO) build -C hack/tools/deadcode -o ../../../bin/deadcode golang.org/x/tools/cmd/deadcode

bin/progress: $(wildcard hack/progress/*.go)
	@$(GO) build -o $@ ./hack/progress

bin/testrun: $(wildcard hack/testrun/*.go)
	@$(GO) build -o $@ ./hack/testrun

bin/companions/external-dns: hack/tools/externaldns/go.mod bin/progress
	@echo "building external-dns, with the clients of all its providers"
	@$(BUILD) -C hack/tools/externaldns -o ../../../bin/companions/ sigs.k8s.io/external-dns

bin/companions/rollouts-controller: hack/tools/argorollouts/go.mod bin/progress
	@echo "building the controller of Argo Rollouts"
	@$(BUILD) -C hack/tools/argorollouts -o ../../../bin/companions/ github.com/argoproj/argo-rollouts/cmd/rollouts-controller

bin/companions/flagger: hack/tools/flagger/go.mod bin/progress
	@echo "building Flagger"
	@$(BUILD) -C hack/tools/flagger -o ../../../bin/companions/ github.com/fluxcd/flagger/cmd/flagger

bin/companions/cert-manager: hack/tools/certmanager/go.mod hack/tools/certmanager/main.go bin/progress
	@echo "building the controllers of cert-manager"
	@$(BUILD) -C hack/tools/certmanager -o ../../../bin/companions/cert-manager .

bin/companions/pebble: hack/tools/certmanager/go.mod bin/progress
	@echo "building Pebble, an authority that issues by ACME"
	@$(BUILD) -C hack/tools/certmanager -o ../../../bin/companions/ github.com/letsencrypt/pebble/v2/cmd/pebble

bin/companions/helm: hack/tools/helm/go.mod bin/progress
	@echo "building Helm's command line"
	@$(BUILD) -C hack/tools/helm -o ../../../bin/companions/ helm.sh/helm/v4/cmd/helm

bin/image: $(wildcard hack/tools/image/*.go) hack/tools/image/go.mod
	@$(GO) build -C hack/tools/image -o ../../../bin/image .

bin/govulncheck: hack/tools/vulnerabilities/go.mod
	@echo "building govulncheck"
	@$(GO) build -C hack/tools/vulnerabilities -o ../../../bin/govulncheck golang.org/x/vuln/cmd/govulncheck
