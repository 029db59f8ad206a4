package namesake

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestOnlyWhatIsCertainShowsThatAnotherClusterLooksAfterAStack(t *testing.T) {
	t.Parallel()
	lb, tg := orphan.Resource{Kind: stack.KindLoadBalancer, ID: "arn:lb", Name: "web"}, orphan.Resource{
		Kind: stack.KindTargetGroup, ID: "arn:tg", Name: "web-tg"}
	both := []orphan.Resource{lb, tg}
	serves, sick, ours := Target{ID: "10.9.9.9", Healthy: true}, Target{ID: "10.9.9.9"},
		Target{ID: "10.0.0.1", Healthy: true, Local: true}
	elsewhere := Target{ID: "i-0b", Healthy: true}
	for what, c := range map[string]struct {
		s    Stack
		want string // a part of the evidence; empty = there is none
	}{
		"what was there before": {Stack{}, ""},
		"a load balancer and a target group that came": {Stack{Came: []string{"arn:lb", "arn:tg"}},
			"created load balancer web and target group web-tg"},
		"a load balancer alone": {Stack{Came: []string{"arn:lb"}}, ""},
		"a target group alone":  {Stack{Came: []string{"arn:tg"}}, ""},
		"what came and is gone": {Stack{Came: []string{"arn:other", "arn:old"}}, ""},
		"a target that stays healthy": {Stack{Before: []Target{serves}, Now: []Target{serves, ours},
			Apart: time.Minute}, "target 10.9.9.9 is healthy"},
		"an instance of another cluster": {Stack{Before: []Target{elsewhere}, Now: []Target{elsewhere},
			Apart: time.Hour}, "target i-0b is healthy"},
		"two reads too near to each other": {Stack{Before: []Target{serves}, Now: []Target{serves},
			Apart: 59 * time.Second}, ""},
		"a health check that takes longer to notice": {Stack{Before: []Target{serves}, Now: []Target{serves},
			Apart: time.Minute, Unhealthy: 2 * time.Minute}, ""},
		"a pod that has just gone": {Stack{Before: []Target{serves}, Now: []Target{sick},
			Apart: time.Hour}, ""},
		"another one each time": {Stack{Before: []Target{serves}, Now: []Target{elsewhere},
			Apart: time.Hour}, ""},
		"pods of this cluster, whose Ingress is gone": {Stack{Before: []Target{ours}, Now: []Target{ours},
			Apart: time.Hour}, ""},
		"targets that are registered and do not answer": {Stack{Before: []Target{sick}, Now: []Target{sick},
			Apart: time.Hour}, ""},
		"a target group without targets": {Stack{Apart: time.Hour}, ""},
		"both signs: that of the account comes first": {
			Stack{Came: []string{"arn:lb", "arn:tg"}, Before: []Target{serves}, Now: []Target{serves}, Apart: time.Hour},
			"while this one leads"},
		"a stack of which nothing but its binding is left": {
			Stack{Orphan: orphan.Orphan{Resources: []orphan.Resource{{Kind: stack.KindBinding, ID: "shop/web"}}}, Came: []string{
				"arn:lb", "arn:tg"}}, ""},
	} {
		if c.s.Resources == nil {
			c.s.Resources = both
		}
		if got := c.s.Evidence(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", what, got)
		}
	}
}

func TestTargetGroupIsContestedIfOthersReplaceTargets(t *testing.T) {
	t.Parallel()
	serves, sick, ours := Target{ID: "10.9.9.9", Healthy: true}, Target{ID: "10.9.9.9"},
		Target{ID: "10.0.0.1", Healthy: true, Local: true}
	for what, c := range map[string]struct {
		deregistered []string
		added        []Target
		want         bool
	}{
		"both":                            {[]string{"10.0.0.2:8080"}, []Target{sick, serves}, true},
		"a user registers another target": {nil, []Target{serves}, false},
		"a user deregisters a target":     {[]string{"10.0.0.2:8080"}, nil, false},
		"a target that does not answer":   {[]string{"10.0.0.2:8080"}, []Target{sick}, false},
		"another pod of this cluster":     {[]string{"10.0.0.2:8080"}, []Target{ours}, false},
	} {
		if got := Evidence(c.deregistered, c.added); (got != "") != c.want {
			t.Errorf("%s: %q", what, got)
		}
	}
}

func TestAConditionIsReportedOnceAndHealsWithItsLastFinding(t *testing.T) {
	t.Parallel()
	var said []string
	s := Shared{OnChange: func(text string) { said = append(said, text) }}
	for range 3 {
		s.Found("ingress.k8s.aws:shop/b", "it serves")
		s.Found("ingress.k8s.aws:shop/a", "it serves")
		s.Found("arn:tg", "contested")
	}
	if len(said) != 1 || !strings.Contains(said[0], "shop/b") || !s.Known() || !s.Of("arn:tg") || s.Of("arn:other") {
		t.Fatalf("said %q", said)
	}
	s.Keep(func(of string) bool { return of == "ingress.k8s.aws:shop/a" })
	if len(said) != 2 || !strings.Contains(said[1], "arn:tg") && !strings.Contains(said[1], "shop/a") {
		t.Errorf("said %q after the finding of the text is gone", said)
	}
	s.Keep(func(string) bool { return false })
	s.Gone("arn:tg")
	s.Gone("arn:tg")
	if s.Known() || !slices.Equal(said[len(said)-1:], []string{""}) {
		t.Errorf("it has not healed: %q", said)
	}
	var none *Shared
	if none.Known() || none.Of("arn:tg") {
		t.Error("nil knows something")
	}
}
