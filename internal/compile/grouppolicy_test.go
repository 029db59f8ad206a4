package compile

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestPoliciesOfNewcomersAreIgnored(t *testing.T) {
	t.Parallel()
	refuse := func(s intent.Source) func(*intent.Member) {
		return func(m *intent.Member) {
			if s == (intent.Source{}) {
				s = intent.At(m.Object, "metadata.annotations[alb.ingress.kubernetes.io/replacement-policy]")
			}
			m.Settings.ReplacementPolicy = intent.Of("refuse", s)
			m.Settings.DriftPolicy = map[string]intent.Field[string]{"tags": intent.Of("ignore", s)}
		}
	}
	own, class := refuse(intent.Source{}), refuse(intent.At(diag.Object{Kind: "IngressClassParams", Name: "p"},
		"metadata.annotations[elbv2.k8s.aws/replacement-policy]"))
	ofGroup := func(m *intent.Member) { m.ClassOfGroup = true }
	for name, c := range map[string]struct {
		web, evil []func(*intent.Member)
		counts    bool
	}{
		"of the oldest":                   {web: []func(*intent.Member){own}, counts: true},
		"of a newcomer":                   {evil: []func(*intent.Member){own}},
		"of the class of the oldest":      {web: []func(*intent.Member){class}, counts: true},
		"of the class of a newcomer":      {evil: []func(*intent.Member){class}},
		"of a class that names the group": {evil: []func(*intent.Member){class, ofGroup}, counts: true},
	} {
		web, evil := ingress("shop", "web", append(c.web, born(1))...),
			ingress("zz", "evil", append(c.evil, lowest, born(9))...)
		r := Compile(loadBalancer(evil, web), account(), config(), nil)
		mustBuild(t, r)
		if r.ReplacementPolicy.Set != c.counts || (r.DriftPolicy["tags"] == "ignore") != c.counts {
			t.Errorf("%s: replacement %+v, drift %v", name, r.ReplacementPolicy, r.DriftPolicy)
		}
		if (len(r.Diagnostics) == 0) != c.counts {
			t.Errorf("%s: %v", name, r.Diagnostics)
		}
		for _, d := range r.Diagnostics {
			if d.Object != evil.Object || d.Code != diag.ConflictingSettings ||
				!strings.Contains(d.Text, "Ingress shop/web is the oldest member") {
				t.Errorf("%s: %s", name, d.Message())
			}
		}
	}
}

func TestMembersThatLeaveKeepTheirPlacesInMemory(t *testing.T) {
	t.Parallel()
	a, b, c := ingress("shop", "a", born(1)), ingress("team", "b", born(2)), ingress("zz", "c", born(3))
	first := Compile(loadBalancer(a, b), account(), config(), nil)
	e := loadBalancer(b, c)
	e.Leaving = []diag.Object{a.Object}
	e.Policies = map[diag.Object]map[string]string{b.Object: {"k": "v"}}
	memory := Compile(e, account(), config(), first.Memory).Memory
	if want := []diag.Object{a.Object, b.Object, c.Object}; !reflect.DeepEqual(memory.Members, want) {
		t.Errorf("%v, want %v", memory.Members, want)
	}
	text, err := json.Marshal(memory)
	if err != nil {
		t.Fatal(err)
	}
	var back Memory
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back.Members, memory.Members) ||
		!reflect.DeepEqual(back.Policies, e.Policies) {
		t.Errorf("%v: members %v, policies %v", err, back.Members, back.Policies)
	}
	if again := Compile(loadBalancer(b, c), account(), config(), &back).Memory; !reflect.DeepEqual(again.Members,
		[]diag.Object{b.Object, c.Object}) {
		t.Errorf("it has gone, and is remembered: %v", again.Members)
	}
}

// TestDepartureWithoutMemoryEnds has a process without memory find a group whose last valid member leaves, and whose
// other member cannot be built. The compilation began again without end.
func TestDepartureWithoutMemoryEnds(t *testing.T) {
	t.Parallel()
	wrong, b := ingress("shop", "a", born(1)), ingress("team", "b", born(2))
	wrong.Settings.Subnets = set(&wrong, "subnets", intent.SubnetSelector{IDsOrNames: []string{"nosuch-name"}})
	e := loadBalancer(wrong, b)
	e.Members, e.Leaving = e.Members[:1], []diag.Object{b.Object}
	f := account()
	f.ExistingKnown, f.Existing = true, &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application}
	if r := Compile(e, f, config(), nil); !r.Departure || r.Memory.Effect != nil {
		t.Errorf("departure %v, %+v, %v", r.Departure, r.Memory, r.Diagnostics)
	}
}
