// Package importgraph keeps the arrows of docs/architecture.md pointing one way: which of our packages may import which, and
// that the pure ones reach no client, no AWS SDK, no logger and no network, however indirectly.
package importgraph

import (
	"encoding/json"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/k8s-lbc/lbc/"

// pure packages decide; they are functions from values to values.
var pure = []string{
	"internal/accelerator", "internal/accelerator/declare", "internal/accelerator/diff", "internal/accelerator/operation",
	"internal/addition", "internal/admission", "internal/drain", "internal/accelerator/check",
	"config/crd", "cmd/lbc/doctor", "internal/explain", "internal/manifest", "internal/manifest/schema",
	"internal/compile", "internal/compile/certificates", "internal/compile/merge", "internal/compile/quarantine", "internal/compile/rules",
	"awssim/iam/policy", "internal/allowlist", "internal/annotation", "internal/assumable", "internal/consent", "internal/backoff", "internal/brake", "internal/definition", "internal/degraded", "internal/diag", "internal/drift", "internal/facts", "internal/front/ingress", "internal/front/service", "internal/front/serviceport", "internal/front/probe", "internal/front/secretdata",
	"internal/front/gateway", "internal/front/gateway/attachment", "internal/front/gateway/conditions", "internal/front/gateway/configuration", "internal/front/gateway/reference", "internal/front/gateway/route", "internal/front/gateway/rule",
	"internal/iampolicy", "internal/inbound", "internal/intent", "internal/migrate", "internal/migrate/equality", "internal/migrate/former", "internal/migrate/network", "internal/naming", "internal/orphan", "internal/owner", "internal/plan", "internal/sorting", "internal/plan/canonical", "internal/plan/diff", "internal/plan/elb", "internal/plan/policy", "internal/plan/transition", "internal/proof", "internal/quota", "internal/readiness", "internal/replacement", "internal/serverid", "internal/shard", "internal/stack", "internal/stackjson", "internal/support", "internal/tagkey", "internal/traffic", "internal/twin", "internal/objects",
}

// forbidden is what no pure package may reach.
var forbidden = []string{
	"context", "net/http", "os", "log", "log/slog", "github.com/go-logr/", "go.uber.org/zap", "github.com/aws/", "k8s.io/client-go/",
	"sigs.k8s.io/controller-runtime", "github.com/prometheus/", "github.com/spf13/", "go.opentelemetry.io/",
}

// layers lists packages from the bottom to the top; a package imports only packages of lower layers.
var layers = [][]string{
	{"internal/allowlist", "internal/sorting", "internal/addition"},
	{"internal/assumable", "internal/consent", "internal/drift", "internal/replacement", "internal/console", "internal/serverid", "internal/tagkey"},
	{"internal/diag", "internal/stack", "internal/config", "internal/manifest/schema", "internal/sdkhttp", "internal/proof", "internal/backoff", "internal/brake", "internal/buildinfo", "internal/degraded", "internal/iampolicy", "internal/support", "internal/definition"},
	{"internal/quota", "internal/inbound", "internal/intent", "internal/facts", "internal/checkpoint", "internal/traffic", "internal/stackjson", "internal/plan", "internal/plan/canonical", "internal/accelerator"},
	{"internal/accelerator/check", "internal/accelerator/operation"},
	{"internal/annotation", "internal/shard"},
	{"internal/objects"},
	{"internal/owner"},
	{"internal/naming"},
	{"internal/accelerator/declare", "internal/accelerator/diff", "internal/cache", "internal/manifest", "internal/front/serviceport", "internal/front/secretdata", "internal/readiness", "internal/drain", "internal/plan/elb", "internal/compile/certificates", "internal/compile/merge", "internal/compile/quarantine", "internal/compile/rules", "internal/front/gateway/attachment", "internal/front/gateway/configuration", "internal/front/gateway/reference"},
	{"internal/orphan", "internal/front/probe", "internal/migrate/equality", "internal/plan/transition", "internal/front/gateway/rule", "internal/front/gateway/conditions"},
	{"internal/front/ingress", "internal/front/service", "internal/front/gateway/route", "internal/compile", "internal/plan/diff", "internal/plan/policy", "internal/twin"},
	{"internal/admission", "internal/servingcert", "internal/front/gateway", "internal/migrate"},
	{"internal/explain", "internal/front", "internal/cloud", "internal/kube", "internal/migrate/former", "internal/migrate/network"},
	{"internal/accelerator/account", "internal/inventory/addon", "internal/inventory/certificate", "internal/inventory/network", "internal/inventory/securitygroup", "internal/inventory/truststore", "internal/origin", "internal/tracing", "internal/controller/podtargets", "internal/console/view"},
	{"internal/inventory", "internal/controller/queue", "internal/controller/reads", "internal/controller/optional", "internal/controller/metrics", "internal/controller/probes", "internal/controller/scrape", "internal/controller/startup", "internal/controller/waiting"},
	{"internal/apply", "internal/controller/objectwriter", "internal/controller/podcache", "internal/controller/servicepods"},
	{"internal/secgroup"},
	{"internal/targets"},
	{"internal/bindings", "internal/status", "internal/webhook"},
	{"internal/controller/lbstatus", "internal/controller/nodedrain", "internal/controller/orphans", "internal/controller/secret", "internal/controller/targethealth", "internal/controller/networking"},
	{"internal/controller/accelerator", "internal/controller/binding", "internal/controller/stacks", "internal/controller/gateway"},
	{"internal/controller/consolesource"},
	{"internal/controller"},
}

// dataPlane lists the packages of the simulator's data plane in the same way.
var dataPlane = [][]string{
	{"awssim/dataplane/topology", "awssim/dataplane/flow", "awssim/dataplane/counter"},
	{"awssim/dataplane/httpwire", "awssim/dataplane/handshake", "awssim/dataplane/accelerator"},
	{"awssim/dataplane/targetgroup"},
	{"awssim/dataplane/loadbalancer"},
	{"awssim/dataplane/alb", "awssim/dataplane/nlb"},
	{"awssim/dataplane"},
}

// balancing lists the packages of the simulator's Elastic Load Balancing in the same way.
var balancing = [][]string{
	{"awssim/elbv2/check"},
	{"awssim/elbv2/attribute", "awssim/elbv2/request"},
	{"awssim/elbv2/routing", "awssim/elbv2/targetgroup", "awssim/elbv2/truststore"},
	{"awssim/elbv2/listener", "awssim/elbv2/loadbalancer"},
	{"awssim/elbv2"},
}

// compute lists the packages of the simulator's EC2 in the same way.
var compute = [][]string{
	{"awssim/ec2/kind"},
	{"awssim/ec2/request"},
	{"awssim/ec2/filter"},
	{"awssim/ec2/instance", "awssim/ec2/network", "awssim/ec2/securitygroup"},
	{"awssim/ec2"},
}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// list asks go for our packages. It reads their directories, too: go keeps the result of a test until something that it read
// changes, and does not see what other processes read.
func list(t *testing.T) map[string]pkg {
	t.Helper()
	for _, dir := range []string{"api", "awssim", "bench", "cmd", "hack", "internal"} {
		err := filepath.WalkDir("../../"+dir, func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	pkgs := map[string]pkg{}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		pkgs[strings.TrimPrefix(p.ImportPath, module)] = p
	}
	return pkgs
}

func TestPurePackagesReachNoShell(t *testing.T) {
	t.Parallel()
	pkgs := list(t)
	for _, name := range pure {
		p, ok := pkgs[name]
		if !ok {
			t.Errorf("%s is listed as pure and does not exist", name)
			continue
		}
		for _, imp := range p.Imports {
			if slices.ContainsFunc(forbidden, func(f string) bool { return imp == f || strings.HasSuffix(f, "/") && strings.HasPrefix(imp, f) }) {
				t.Errorf("%s is pure and imports %s", name, imp)
			}
		}
		for _, dep := range p.Deps {
			own, isOwn := strings.CutPrefix(dep, module)
			if isOwn && !slices.Contains(pure, own) && !strings.HasPrefix(own, "api/") {
				t.Errorf("%s is pure and reaches %s, which is not", name, own)
			}
			for _, f := range []string{"github.com/aws/", "k8s.io/client-go/", "sigs.k8s.io/controller-runtime/"} {
				if strings.HasPrefix(dep, f) {
					t.Errorf("%s is pure and reaches %s", name, dep)
				}
			}
		}
	}
}

func TestLayersImportOnlyLowerOnes(t *testing.T) {
	t.Parallel()
	height := map[string]int{}
	for i, l := range slices.Concat(layers, dataPlane, balancing, compute) {
		for _, name := range l {
			height[name] = i
		}
	}
	for name, p := range list(t) {
		h, layered := height[name]
		if strings.HasPrefix(name, "internal/") && !layered && !slices.Contains([]string{"internal/await", "internal/browser", "internal/cputime", "internal/front/golden", "internal/growth", "internal/longtest", "internal/tracing/collector", "internal/controller/podcache/podserver"}, name) { // they serve tests only
			t.Errorf("%s is in no layer", name)
		}
		for _, part := range []string{"awssim/dataplane", "awssim/elbv2", "awssim/ec2"} {
			if strings.HasPrefix(name, part) && !layered {
				t.Errorf("%s is in no layer of %s", name, part)
			}
		}
		for _, imp := range p.Imports {
			own, isOwn := strings.CutPrefix(imp, module)
			if !isOwn {
				continue
			}
			if strings.HasPrefix(name, "internal/") && (strings.HasPrefix(own, "awssim") || strings.HasPrefix(own, "cmd/")) {
				t.Errorf("%s imports %s: the controller does not know the simulator", name, own)
			}
			if to, ok := height[own]; layered && ok && to >= h && !sameLayerFriends(name, own) {
				t.Errorf("%s imports %s, which is not in a lower layer", name, own)
			}
		}
	}
}

// sameLayerFriends are the imports within one layer that the drawing shows.
func sameLayerFriends(from, to string) bool {
	return slices.Contains([]string{
		"internal/cloud internal/config",
	}, from+" "+to)
}

// faces are what lets others call the simulator, and packages that call methods by reflection. In a program that reaches one of
// the latter the linker keeps every exported method of every type: of AWS's SDK alone more than a thousand.
var faces = []string{
	"html/template", module + "awssim", module + "awssim/authn", module + "awssim/dataplane", module + "awssim/dns", module + "awssim/idp", module + "awssim/imds",
	module + "awssim/page", module + "awssim/resolver", module + "awssim/simclient", module + "awssim/vnet", module + "awssim/wire",
}

func TestServicesReachNoFaceOfSimulator(t *testing.T) {
	t.Parallel()
	pkgs := list(t)
	for _, name := range []string{"awssim/services", "cmd/lbc", "cmd/controller"} {
		if _, ok := pkgs[name]; !ok {
			t.Errorf("%s does not exist", name)
		}
		for _, dep := range pkgs[name].Deps {
			under := func(f string) bool { return dep == f || f != module+"awssim" && strings.HasPrefix(dep, f+"/") }
			if slices.ContainsFunc(faces, under) {
				t.Errorf("%s reaches %s: it links methods that nothing calls. awssim/services has what is called in the process", name, dep)
			}
		}
	}
	for _, dep := range pkgs["cmd/controller"].Deps {
		if strings.HasPrefix(dep, module+"awssim") {
			t.Errorf("cmd/controller reaches %s", dep)
		}
	}
}

// client-go's clientset links a client of each group of the API. Tests may use it.
func TestNoPackageImportsTheClientset(t *testing.T) {
	t.Parallel()
	for name, p := range list(t) {
		if slices.Contains(p.Imports, "k8s.io/client-go/kubernetes") {
			t.Errorf("%s imports k8s.io/client-go/kubernetes: import the typed clients of the groups that it calls", name)
		}
	}
}
