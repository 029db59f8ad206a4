package diff

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// goldenCase is one testdata/<name>.in.yaml.
type goldenCase struct {
	Observed awsop.Observed
	Desired  *stack.Stack
	Keep     stack.Keep `json:",omitzero"`
	Options  Options
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
		if c.Desired != nil {
			for i := range c.Desired.TrustStores {
				c.Desired.TrustStores[i].Bundle = "-----BEGIN CERTIFICATE-----" // which JSON never has
			}
		}
		p := Stack(c.Desired, c.Keep, c.Observed, c.Options)
		for _, s := range p.Steps {
			seen[plan.NameOf(s.Op)] = true
		}
		doc, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		base := strings.TrimSuffix(in, ".in.yaml")
		goldenfile.Compare(t, base+".out.txt", p.Text(plan.TextOptions{}))
		goldenfile.Compare(t, base+".out.json", string(doc)+"\n")
	}
	for _, op := range awsop.Operations() {
		if !seen[plan.NameOf(op)] {
			t.Errorf("%s occurs in no case", plan.NameOf(op))
		}
	}
}

func TestColourIsAnOption(t *testing.T) {
	t.Parallel()
	p := Stack(testStack("/a"), stack.Keep{}, awsop.Observed{Key: testKey()}, Options{})
	if plain := p.Text(plan.TextOptions{}); strings.Contains(plain, "\x1b") {
		t.Error("escape sequences without being asked")
	}
	if coloured := p.Text(plan.TextOptions{Color: true}); !strings.Contains(coloured, "\x1b[32m+") {
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
		p := Stack(c.Desired, c.Keep, c.Observed, c.Options)
		if p.Summary().Refused > 0 {
			continue
		}
		for n := range p.Steps {
			before := f.obs
			f.run(t, plan.Plan{Key: p.Key, Known: f.known(p), Steps: []plan.Step{alone(p.Steps[n])}})
			switch p.Steps[n].Op.(type) {
			case awsop.WithdrawValidation, awsop.PutObject, awsop.DeleteObject: // of DNS and S3
				continue
			}
			if reflect.DeepEqual(before, f.obs) && p.Steps[n].Action != plan.Await {
				t.Errorf("%s: %s left no trace", in, p.Steps[n].ID)
			}
		}
	}
}

// alone is a step without what it needs, which ran before.
func alone(s plan.Step) plan.Step {
	s.Needs, s.After = nil, nil
	return s
}

// known is what references stand for, after the steps so far.
func (f *fakeAWS) known(p plan.Plan) []plan.Known {
	out := append([]plan.Known(nil), p.Known...)
	for _, g := range f.obs.SecurityGroups {
		out = append(out, plan.Known{Ref: groupRef(g.ID), Value: g.GroupID})
	}
	for _, g := range f.obs.TargetGroups {
		out = append(out, plan.Known{Ref: targetGroupRef(g.ID), Value: g.ARN})
	}
	for _, l := range f.obs.LoadBalancers {
		out = append(out, plan.Known{Ref: loadBalancerRef(l.ID), Value: l.ARN})
	}
	for _, l := range f.obs.Listeners {
		out = append(out, plan.Known{Ref: listenerRef(l.ID), Value: l.ARN})
	}
	for _, c := range f.obs.Certificates {
		out = append(out, plan.Known{Ref: certificateRef(c.ID), Value: c.ARN})
	}
	return out
}
