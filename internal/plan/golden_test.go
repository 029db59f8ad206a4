package plan

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/stack"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldenCase is one testdata/<name>.in.yaml.
type goldenCase struct {
	Observed Observed
	Desired  *stack.Stack
	Keep     []stack.Ref `json:",omitempty"`
	Policy   Policy
}

func TestPlansReadAsTheGoldenFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	seen := map[string]bool{}
	for _, in := range files {
		raw, err := os.ReadFile(in)
		if err != nil {
			t.Fatal(err)
		}
		var c goldenCase
		if err := yaml.UnmarshalStrict(raw, &c); err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		p := Diff(c.Desired, c.Keep, c.Observed, c.Policy)
		for _, s := range p.Steps {
			seen[s.Op.Name()] = true
		}
		doc, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		base := strings.TrimSuffix(in, ".in.yaml")
		compareGolden(t, base+".out.txt", p.Text(TextOptions{}))
		compareGolden(t, base+".out.json", string(doc)+"\n")
	}
	for _, op := range operations {
		if !seen[op.Name()] {
			t.Errorf("%s occurs in no case", op.Name())
		}
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// operations are those that Diff plans; targets are the fast lane's.
var operations = []Op{
	CreateSecurityGroup{}, AuthorizeIngress{}, RevokeIngress{}, DeleteSecurityGroup{}, TagSecurityGroup{}, UntagSecurityGroup{},
	CreateTargetGroup{}, ModifyTargetGroup{}, ModifyTargetGroupAttributes{}, DeleteTargetGroup{},
	CreateLoadBalancer{}, SetSecurityGroups{}, SetSubnets{}, SetIPAddressType{}, ModifyLoadBalancerAttributes{}, DeleteLoadBalancer{},
	CreateListener{}, ModifyListener{}, DeleteListener{}, AddListenerCertificates{}, RemoveListenerCertificates{}, ModifyListenerAttributes{},
	CreateRule{}, ModifyRule{}, SetRulePriorities{}, DeleteRule{}, AddTags{}, RemoveTags{},
	CreateBinding{}, UpdateBinding{}, DeleteBinding{},
	RequestCertificate{}, ImportCertificate{}, TagCertificate{}, DeleteCertificate{}, PublishValidation{}, WithdrawValidation{},
	AssociateWebACL{}, DisassociateWebACL{}, CreateProtection{}, DeleteProtection{},
	AssociateRegionalWebACL{}, DisassociateRegionalWebACL{}, // decision 16: WAF Classic
	ModifyCapacityReservation{}, ModifyIPPools{},
	RegisterLoadBalancer{}, DeregisterLoadBalancer{},
}

func TestColourIsAnOption(t *testing.T) {
	t.Parallel()
	p := Diff(testStack("/a"), nil, Observed{Key: testKey()}, Policy{})
	if plain := p.Text(TextOptions{}); strings.Contains(plain, "\x1b") {
		t.Error("escape sequences without being asked")
	}
	if coloured := p.Text(TextOptions{Color: true}); !strings.Contains(coloured, "\x1b[32m+") {
		t.Error("no colour")
	}
}

func TestEveryOperationWritesThrough(t *testing.T) {
	t.Parallel()
	// An operation that Advance forgot would leave the observation as it was.
	files, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range files {
		raw, err := os.ReadFile(in)
		if err != nil {
			t.Fatal(err)
		}
		var c goldenCase
		if err := yaml.UnmarshalStrict(raw, &c); err != nil {
			t.Fatal(err)
		}
		f := &fakeAWS{obs: c.Observed, writes: map[string]int{}}
		p := Diff(c.Desired, c.Keep, c.Observed, c.Policy)
		if p.Summary().Refused > 0 {
			continue
		}
		for n := range p.Steps {
			before := f.obs
			f.run(t, Plan{Key: p.Key, Known: f.known(p), Steps: []Step{alone(p.Steps[n])}})
			_, dns := p.Steps[n].Op.(WithdrawValidation) // nobody observes DNS
			if reflect.DeepEqual(before, f.obs) && p.Steps[n].Action != Await && !dns {
				t.Errorf("%s: %s left no trace", in, p.Steps[n].ID)
			}
		}
	}
}

// alone is a step without what it needs, which ran before.
func alone(s Step) Step {
	s.Needs, s.After = nil, nil
	return s
}

// known is what references stand for, after the steps so far.
func (f *fakeAWS) known(p Plan) []Known {
	out := append([]Known(nil), p.Known...)
	for _, g := range f.obs.SecurityGroups {
		out = append(out, Known{groupRef(g.ID), g.GroupID})
	}
	for _, g := range f.obs.TargetGroups {
		out = append(out, Known{targetGroupRef(g.ID), g.ARN})
	}
	for _, l := range f.obs.LoadBalancers {
		out = append(out, Known{loadBalancerRef(l.ID), l.ARN})
	}
	for _, l := range f.obs.Listeners {
		out = append(out, Known{listenerRef(l.ID), l.ARN})
	}
	for _, c := range f.obs.Certificates {
		out = append(out, Known{certificateRef(c.ID), c.ARN})
	}
	return out
}
