// Package importgraph keeps the arrows of docs/architecture.md pointing one way: which of our rooms may import which,
// and that the pure ones reach no client, no AWS SDK, no logger and no network, however indirectly.
package importgraph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/k8s-lbc/lbc/"

// pure packages decide; they are functions from values to values.
var pure = []string{
	"internal/plan/accelerator", "internal/plan/accelerator/declare", "internal/plan/accelerator/diff",
	"internal/plan/accelerator/operation",
	"internal/kube/addition", "internal/front/admission", "internal/kube/pod/drain", "internal/plan/accelerator/check",
	"config/crd", "internal/view/doctor", "internal/view/explain", "internal/view/timeline", "internal/kube/manifest",
	"internal/kube/manifest/schema",
	"internal/compile", "internal/compile/certificates", "internal/compile/merge", "internal/compile/quarantine",
	"internal/compile/rules",
	"awssim/iam/policy", "internal/lib/allowlist", "internal/kube/annotation", "internal/model/policy/iamroles",
	"internal/model/policy/consent", "internal/lib/backoff", "internal/plan/brake", "internal/kube/definition",
	"internal/lib/callbudget",
	"internal/model/impairment", "internal/model/constraint", "internal/model/constraint/example", "internal/model/diag",
	"internal/model/policy/drift",
	"internal/model/facts", "internal/front/ingress", "internal/front/service", "internal/front/serviceport",
	"internal/front/probe", "internal/front/secretdata",
	"internal/front/gateway", "internal/front/gateway/attachment", "internal/front/gateway/conditions",
	"internal/front/gateway/configuration", "internal/front/gateway/reference", "internal/front/gateway/route",
	"internal/front/gateway/rule",
	"internal/aws/iampolicy", "internal/model/sgrules", "internal/model/intent", "internal/lbc/chain",
	"internal/lbc/checks",
	"internal/lbc/history", "internal/lbc/impact", "internal/lbc/migrate", "internal/lbc/migrate/equality",
	"internal/lbc/migrate/former", "internal/lbc/migrate/network", "internal/kube/naming", "internal/aws/ownership/orphan",
	"internal/kube/owner", "internal/plan", "internal/lib/sorting", "internal/plan/canonical", "internal/plan/diff",
	"internal/plan/awsop", "internal/plan/policy", "internal/plan/transition", "internal/lib/absence",
	"internal/lib/order", "internal/lib/pairs", "internal/lib/renewal",
	"internal/model/quota", "internal/kube/pod/readiness", "internal/model/policy/replacement",
	"internal/kube/pod/serverid", "internal/compile/shard", "internal/model/stack", "internal/model/planjson",
	"internal/model/support", "internal/model/overlap", "internal/model/partition", "internal/model/tagkey", "internal/model/traffic",
	"internal/aws/ownership/namesake",
	"internal/kube/objects", "internal/plan/hold",
}

// forbidden is what no pure package may reach.
var forbidden = []string{
	"context", "net/http", "os", "log", "log/slog", "github.com/go-logr/", "go.uber.org/zap", "github.com/aws/",
	"k8s.io/client-go/",
	"sigs.k8s.io/controller-runtime", "github.com/prometheus/", "github.com/spf13/", "go.opentelemetry.io/",
}

// floors are the rooms of internal/, from the ground up: a package imports packages of its own room and of rooms on
// lower floors.
var floors = [][]string{
	{"lib"},
	{"model"},
	{"kube"},
	{"compile", "plan"},
	{"aws", "front"},
	{"targets", "view"},
	{"controller"},
	{"lbc"},
}

// The bounds of the house: more rooms, or more floors, and nobody knows where to look; a smaller room is a cupboard.
const (
	mostRooms, mostFloors = 12, 8
	leastLines            = 170
)

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

// list asks go for our packages, once. It reads their directories, too: go keeps the result of a test until something
// that it read changes, and does not see what other processes read.
func list(t *testing.T) map[string]pkg {
	t.Helper()
	pkgs, err := listed()
	if err != nil {
		t.Fatal(err)
	}
	return maps.Clone(pkgs)
}

var listed = sync.OnceValues(func() (map[string]pkg, error) {
	for _, dir := range []string{"api", "awssim", "bench", "cmd", "hack", "internal"} {
		err := filepath.WalkDir("../../"+dir, func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			return nil, err
		}
	}
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	pkgs := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			return nil, err
		}
		pkgs[strings.TrimPrefix(p.ImportPath, module)] = p
	}
	return pkgs, nil
})

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
			if slices.ContainsFunc(forbidden, func(f string) bool {
				return imp == f || strings.HasSuffix(f, "/") && strings.HasPrefix(imp, f)
			}) {
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

// roomOf is the room of internal/ in which a package is.
func roomOf(name string) (string, bool) {
	path, ok := strings.CutPrefix(name, "internal/")
	room, _, _ := strings.Cut(path, "/")
	return room, ok
}

func TestRoomsImportOnlyLowerFloors(t *testing.T) {
	t.Parallel()
	floor, lines := map[string]int{}, map[string]int{}
	for i, rooms := range floors {
		for _, r := range rooms {
			floor[r] = i
		}
	}
	if len(floor) > mostRooms || len(floors) > mostFloors {
		t.Errorf("%d rooms on %d floors", len(floor), len(floors))
	}
	for name, p := range list(t) {
		room, ok := roomOf(name)
		if !ok {
			continue
		}
		h, known := floor[room]
		if !known {
			t.Errorf("%s is in no room", name)
		}
		lines[room] += linesOf(t, name)
		for _, imp := range p.Imports {
			own, isOwn := strings.CutPrefix(imp, module)
			if isOwn && !isHarness(name) && (strings.HasPrefix(own, "awssim") || strings.HasPrefix(own, "cmd/")) {
				t.Errorf("%s imports %s: the controller does not know the simulator", name, own)
			}
			if to, inside := roomOf(own); isOwn && inside && to != room && floor[to] >= h {
				t.Errorf("%s imports %s, which is not on a lower floor", name, own)
			}
		}
	}
	for room := range floor {
		if lines[room] < leastLines {
			t.Errorf("internal/%s has %d lines: too few for a room", room, lines[room])
		}
	}
}

// isHarness reports whether a package is the harness of tests of whole controllers, or has such tests.
func isHarness(name string) bool {
	const harness = "internal/controller/lab"
	return name == harness || strings.HasPrefix(name, harness+"/")
}

func TestOnlyTestsReachTheHarness(t *testing.T) {
	t.Parallel()
	for name, p := range list(t) {
		for _, dep := range p.Deps {
			if own, isOwn := strings.CutPrefix(dep, module); isOwn && isHarness(own) && !isHarness(name) {
				t.Errorf("%s reaches %s, which is for tests only", name, own)
			}
		}
	}
}

// linesOf counts the lines of a package without its tests.
func linesOf(t *testing.T, name string) (n int) {
	t.Helper()
	files, err := filepath.Glob("../../" + name + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Clean(f))
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(string(text), "\n")
	}
	return n
}

func TestSimulatorImportsOnlyLowerLayers(t *testing.T) {
	t.Parallel()
	height := map[string]int{}
	for i, l := range slices.Concat(dataPlane, balancing, compute) {
		for _, name := range l {
			height[name] = i
		}
	}
	for name, p := range list(t) {
		h, layered := height[name]
		for _, part := range []string{"awssim/dataplane", "awssim/elbv2", "awssim/ec2"} {
			if strings.HasPrefix(name, part) && !layered {
				t.Errorf("%s is in no layer of %s", name, part)
			}
		}
		for _, imp := range p.Imports {
			own, isOwn := strings.CutPrefix(imp, module)
			if to, ok := height[own]; isOwn && layered && ok && to >= h {
				t.Errorf("%s imports %s, which is not in a lower layer", name, own)
			}
		}
	}
}

// faces are what lets others call the simulator, and packages that look up methods by reflection. In a program that
// reaches one of the latter the linker keeps every exported method of every type: of AWS's SDK alone more than a
// thousand.
var faces = []string{
	"html/template", module + "awssim", module + "awssim/authn", module + "awssim/dataplane", module + "awssim/dns",
	module + "awssim/idp", module + "awssim/imds",
	module + "awssim/page", module + "awssim/resolver", module + "awssim/simclient", module + "awssim/vnet", module +
		"awssim/wire",
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
				t.Errorf("%s reaches %s: it links methods that nothing calls. awssim/services has what is called in the process",
					name, dep)
			}
		}
	}
	for _, dep := range pkgs["cmd/controller"].Deps {
		if strings.HasPrefix(dep, module+"awssim") {
			t.Errorf("cmd/controller reaches %s", dep)
		}
	}
}

// The playground links the simulator, and its templates find listed methods only (hack/overlay).
func TestSimulatorLooksUpNoMethods(t *testing.T) {
	t.Parallel()
	for _, dep := range list(t)["awssim"].Deps {
		if dep == "html/template" || dep == "text/template" {
			t.Errorf("awssim reaches %s: programs that link it keep methods that nothing calls", dep)
		}
	}
}

// client-go's clientset links a client of each group of the API. Tests may use it.
func TestNoPackageImportsTheClientset(t *testing.T) {
	t.Parallel()
	for name, p := range list(t) {
		if !isHarness(name) && slices.Contains(p.Imports, "k8s.io/client-go/kubernetes") {
			t.Errorf("%s imports k8s.io/client-go/kubernetes: import the typed clients of the groups that it calls", name)
		}
	}
}
