package parity

import (
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/parity/recorded"
)

// workedExample is the example of section 8 with what the existing controller holds after it, which is written out and
// not computed.
func workedExample(t *testing.T) (r cluster, holds tree) {
	t.Helper()
	raw, err := os.ReadFile("testdata/gateway/worked/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Objects string
		Holds   tree
	}
	if err := yaml.UnmarshalStrict(raw, &file); err != nil {
		t.Fatal(err)
	}
	r = cluster{Case: recorded.Case{Name: "gateway/worked-example", Namespace: "shop-prod"}}
	r.add(t, []byte(file.Objects))
	return r, file.Holds
}

func workedLab(t *testing.T) *lab {
	t.Helper()
	return newLab(t, "--cluster-name=my-cluster", "--default-target-type=ip")
}

func TestTheModelOfTheExistingControllerMakesTheWorkedExample(t *testing.T) {
	t.Parallel()
	l := workedLab(t)
	r, holds := workedExample(t)
	for _, former := range []bool{true, false} { // no port has a name
		for at, how := range recorded.Differ(recordedPicture(holds),
			recordedPicture(stateOf(t, l, r.typed(t, l.names()), former))) {
			t.Errorf("%s: %s", at, how)
		}
	}
}

// TestTheModelNamesTargetGroupsByBothFormulas is the table of section 5.1.
func TestTheModelNamesTargetGroupsByBothFormulas(t *testing.T) {
	t.Parallel()
	name := func(route, kind, backend string, rest ...string) string {
		return hashed("shop-prod", route, append([]string{"my-cluster", "shop-prod", "web-gateway", "shop-prod", route, kind,
			"shop-prod", backend}, rest...)...)
	}
	for want, got := range map[string]string{
		"k8s-shopprod-webgatew-4a42a4aa65": hashed("shop-prod", "web-gateway", "my-cluster",
			"2f6f9c1e-4a3b-4d7c-9e57-0b1c2d3e4f50", "internet-facing"),
		"k8s-shopprod-webgatew-7f166c0d60": hashed("shop-prod", "web-gateway", "my-cluster",
			"2f6f9c1e-4a3b-4d7c-9e57-0b1c2d3e4f50", "internal"),
		"k8s-shopprod-webgatew-ad4d90d5f3": hashed("shop-prod", "web-gateway", "my-cluster", "web-gateway", "shop-prod",
			"2f6f9c1e-4a3b-4d7c-9e57-0b1c2d3e4f50"),
		"k8s-shopprod-shoprout-f057e4dbea": name("shop-route", "HTTPRoute", "shop-v1", "8080", "ip", "HTTP", "HTTP1"),
		"k8s-shopprod-shoprout-fee82b88e2": name("shop-route", "HTTPRoute", "shop-v2", "8080", "ip", "HTTP", "HTTP1"),
		// of v3.5.0
		"k8s-shopprod-shoprout-84a82bdd46": name("shop-route", "HTTPRoute", "shop-v1", "1", "ip", "HTTP", "HTTP1"),
		// of later versions
		"k8s-shopprod-shoprout-ce0c90af81": name("shop-route", "HTTPRoute", "shop-v1", "http", "ip", "HTTP", "HTTP1"),
		"k8s-shopprod-shoprout-2c684c045f": name("shop-route", "HTTPRoute", "shop-v1", "31380", "instance", "HTTP", "HTTP1"),
		"k8s-shopprod-shoprout-e4598ef716": name("shop-route", "HTTPRoute", "shop-v1", "8080", "ip", "HTTP", "HTTP1", "9000"),
		"k8s-shopprod-grpcrout-715020d0a9": name("grpc-route", "GRPCRoute", "greeter", "50051", "ip", "HTTP", "GRPC"),
		"k8s-shopprod-tcproute-3da0af9ab2": name("tcp-route", "TCPRoute", "db", "5432", "ip", "TCP"),
		"k8s-shopprod-tcproute-8048eb5248": name("tcp-route", "TCPRoute", "alb-gateway", "443", "alb", "TCP"),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestTheWorkedExampleIsAdoptedWithAnEmptyPlan has the account as the requests of section 8.2 leave it.
func TestTheWorkedExampleIsAdoptedWithAnEmptyPlan(t *testing.T) {
	t.Parallel()
	l := workedLab(t)
	r, holds := workedExample(t)
	r.adopted()
	l.put(&r, holds)
	for _, step := range stepsOf(l, &r) {
		t.Error("would be changed:", step)
	}
}

// TestTheExistingControllerWouldAdoptTheWorkedExampleOfOurs is the way back.
func TestTheExistingControllerWouldAdoptTheWorkedExampleOfOurs(t *testing.T) {
	t.Parallel()
	l := workedLab(t)
	r, holds := workedExample(t)
	r.constructed("compatible")
	l.settle(&r)
	readDifferences(t).compare(t, r.Name, l.modelPicture(holds), l.picture())
	wouldLeave(t, l, l.modelPicture(holds))
}

// TestASwitchOfTheConstructionChangesRulesOnly has an adopted Gateway annotated with the standard construction. The
// plan shows what becomes of each rule and touches nothing else; the way back ends where the existing controller was.
func TestASwitchOfTheConstructionChangesRulesOnly(t *testing.T) {
	t.Parallel()
	l := workedLab(t)
	r, holds := workedExample(t)
	r.adopted()
	l.put(&r, holds)
	r.constructed("standard")
	steps := stepsOf(l, &r)
	if len(steps) == 0 || !strings.Contains(strings.Join(steps, "\n"), `host regex ^shop\.example\.com(:[0-9]+)?$`) {
		t.Errorf("the plan does not show the new conditions: %q", steps)
	}
	for _, s := range steps {
		if !strings.Contains(s, "Rule {Rule 80:") {
			t.Errorf("more than rules would be changed: %s", s)
		}
	}
	l.settle(&r)
	l.restart()
	if steps := stepsOf(l, &r); len(steps) > 0 {
		t.Errorf("still to do after a restart: %q", steps)
	}
	r.constructed("compatible")
	l.settle(&r)
	wouldLeave(t, l, l.modelPicture(holds))
}
