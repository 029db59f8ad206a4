package parity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/parity/recorded"
	"github.com/k8s-lbc/lbc/internal/plan"
)

const gatewayManifests = "testdata/gateway/manifests"

// gatewayCases are manifests of Gateways. What the existing controller makes of them is not recorded but computed: see
// model.
func gatewayCases(t *testing.T) (out []cluster) {
	t.Helper()
	files, err := filepath.Glob(gatewayManifests + "/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".yaml"); name != "common" {
			out = append(out, gatewayCase(t, name))
		}
	}
	return out
}

// gatewayCase is the manifest of a name with the objects that all have. Of objects with one name the later holds.
func gatewayCase(t *testing.T, name string) cluster {
	t.Helper()
	r := cluster{Case: recorded.Case{Name: "gateway/" + name, Namespace: "shop"}}
	for _, f := range []string{"common", name} {
		raw, err := os.ReadFile(filepath.Join(gatewayManifests, f+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		r.add(t, raw)
	}
	return r
}

// add adds the objects of a manifest.
func (r *cluster) add(t *testing.T, manifest []byte) {
	t.Helper()
	ref := func(o tree) string {
		return fmt.Sprint(o["kind"], sub(o, "metadata")["namespace"], "/", sub(o, "metadata")["name"])
	}
	for _, doc := range bytes.Split(manifest, []byte("\n---\n")) {
		var o tree
		if err := yaml.Unmarshal(doc, &o); err != nil {
			t.Fatalf("%s: %v: %s", r.Name, err, doc)
		}
		r.Objects = append(slices.DeleteFunc(r.Objects, func(x tree) bool { return ref(x) == ref(o) }), o)
	}
}

// gateways calls do with the metadata of each Gateway and whether its load balancer is a network load balancer.
func (r *cluster) gateways(do func(m tree, network bool)) {
	for _, o := range r.Objects {
		if o["kind"] == "Gateway" {
			do(sub(o, "metadata"), sub(o, "spec")["gatewayClassName"] == "nlb")
		}
	}
}

// adopted gives Gateways the finalizer of the existing controller.
func (r *cluster) adopted() {
	r.gateways(func(m tree, network bool) {
		m["finalizers"] = []any{map[bool]string{false: "gateway.k8s.aws/alb", true: "gateway.k8s.aws/nlb"}[network]}
	})
}

// constructed annotates Gateways with the construction of rules.
func (r *cluster) constructed(as string) {
	r.gateways(func(m tree, _ bool) { m["annotations"] = tree{"gateway.k8s.aws/rule-construction": as} })
}

// modelPicture is a state in the form of the picture.
func (l *lab) modelPicture(state tree) tree {
	return recorded.Sorted(tidy(l.written(recordedPicture(state)))).(tree)
}

// flagsOf has half of the cases with another default of the target type.
func flagsOf(i int) []string {
	if i%2 == 0 {
		return []string{"--default-target-type=ip"}
	}
	return nil
}

// compare reports what differs from today, but for what is listed.
func (d *differences) compare(t *testing.T, name string, today, ours tree) {
	t.Helper()
	found := recorded.Differ(today, ours)
	for _, at := range slices.Sorted(maps.Keys(found)) {
		if !d.listed(t, name, at) {
			t.Errorf("%s: %s", at, found[at])
		}
	}
}

// inConditions reports whether the conditions of a listener say the same as a finding, or it is that rules of a route
// answer with an error, as their conditions say and the existing controller has it.
func inConditions(d diag.Diagnostic) bool {
	return d.Code == diag.InvalidListener || d.Object.Kind == "HTTPRoute" && strings.Contains(d.Text, "500") &&
		(d.Code == diag.InvalidConfiguration || d.Code == diag.InvalidRule)
}

func stepsOf(l *lab, r *cluster) []string {
	l.t.Helper()
	var out []string
	for _, s := range l.plans(r) {
		for _, step := range s.Plan.Steps {
			out = append(out, fmt.Sprintf("%s: %s %s %v", s.Key, plan.NameOf(step.Op), step.Resource, step.Why))
		}
		for _, d := range s.Diagnostics {
			if d.Class != diag.Note && !inConditions(d) {
				out = append(out, fmt.Sprintf("%s: %s", s.Key, d))
			}
		}
	}
	return out
}

// TestGatewaysAreAdoptedWithAnEmptyPlanAndBack puts what the existing controller holds for Gateways into an account,
// under both formulas of the names of target groups, and asks a controller that starts there what it would do; and the
// other way takes the Gateways to an account with the rules of that controller, which is what it would make. Whatever
// differs is listed, and what is listed occurs.
func TestGatewaysAreAdoptedWithAnEmptyPlanAndBack(t *testing.T) {
	t.Parallel()
	d := readDifferences(t)
	t.Run("cases", func(t *testing.T) {
		for i, r := range gatewayCases(t) {
			name := strings.TrimPrefix(r.Name, "gateway/")
			for form, former := range map[string]bool{"with names of v3.5.0": true, "with later names": false} {
				t.Run(name+" adopted "+form, func(t *testing.T) {
					t.Parallel()
					adoptGateways(t, d, gatewayCase(t, name), former, flagsOf(i))
				})
			}
			t.Run(name+" back", func(t *testing.T) {
				t.Parallel()
				handBackGateways(t, d, r, flagsOf(i))
			})
		}
	})
	for i, l := range d.list {
		if !d.met[i] && strings.HasPrefix(l.Cases, "gateway/") {
			t.Errorf("%s%s of %s is listed as a difference but is none", l.Path, l.Step, l.Cases)
		}
	}
}

func adoptGateways(t *testing.T, d *differences, r cluster, former bool, flags []string) {
	t.Helper()
	l := newLab(t, flags...)
	r.adopted()
	l.put(&r, stateOf(t, l, r.typed(t, l.names()), former))
	if found := recorded.Differ(l.modelPicture(stateOf(t, l, r.typed(t, l.names()), former)), l.picture()); len(
		found) > 0 {
		t.Fatalf("the account does not hold what the model has: %v", found)
	}
	for _, step := range stepsOf(l, &r) {
		if !d.adoption(t, r.Name, step) {
			t.Error("would be changed:", step)
		}
	}
}

// TestSwapKeepsTargetGroupOfOldName has the groups with declared names under other
// ones, and their bindings under the declared ones, as that controller leaves them after a change of targetGroupName.
func TestSwapKeepsTargetGroupOfOldName(t *testing.T) {
	t.Parallel()
	d, r := readDifferences(t), gatewayCase(t, "targetgroups")
	l := newLab(t)
	r.adopted()
	state := stateOf(t, l, r.typed(t, l.names()), false)
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	var former tree
	if err := json.Unmarshal([]byte(strings.NewReplacer("{tg:shop-web}", "{tg:former-web}", "{tg:shop-other}",
		"{tg:former-other}").Replace(string(text))), &former); err != nil {
		t.Fatal(err)
	}
	groups := sub(sub(former, "aws"), "targetGroups")
	for _, name := range []string{"web", "other"} {
		if groups["shop-"+name] == nil || sub(former, "kube")["TargetGroupBinding/shop-"+name] == nil {
			t.Fatalf("no target group or binding shop-%s", name)
		}
		groups["former-"+name] = groups["shop-"+name]
		delete(groups, "shop-"+name)
	}
	l.put(&r, former)
	for _, step := range stepsOf(l, &r) {
		if !d.adoption(t, r.Name, step) {
			t.Error("would be changed:", step)
		}
	}
}

func handBackGateways(t *testing.T, d *differences, r cluster, flags []string) {
	t.Helper()
	l := newLab(t, flags...)
	r.constructed("compatible")
	l.settle(&r)
	want := l.modelPicture(stateOf(t, l, r.typed(t, l.names()), false))
	found := recorded.Differ(want, l.picture())
	onPurpose := false
	for _, at := range slices.Sorted(maps.Keys(found)) {
		listed := d.listed(t, r.Name, at)
		if !listed {
			t.Errorf("%s: %s", at, found[at])
		}
		onPurpose = onPurpose || listed && !strings.HasSuffix(at, "/priority")
	}
	if !onPurpose {
		wouldLeave(t, l, want)
	}
	r.finalize(t, l, false)
	l.empty(&r)
}

// wouldLeave expects the existing controller to change nothing in the account.
func wouldLeave(t *testing.T, l *lab, want tree) {
	t.Helper()
	for _, what := range (&existing{}).reconcile(l.picture(), want) {
		t.Errorf("the existing controller would %s", what)
	}
}
