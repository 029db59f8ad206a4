package migrate

import (
	"maps"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestTheFateOfEveryAnnotationIsKnown fails for an annotation that is added without a row.
func TestTheFateOfEveryAnnotationIsKnown(t *testing.T) {
	t.Parallel()
	rows := map[annotation.Key]int{}
	for _, r := range Rows() {
		rows[r.Key]++
		_, exists := annotation.Lookup(r.Key + "x") // of a family
		if _, plain := annotation.Lookup(r.Key); !plain && !exists {
			t.Errorf("%s is no annotation", r.Key)
		}
		complete := map[Fate]bool{
			Translated: r.To != "", Equivalent: r.Why != "", Kept: r.Why != "", Cannot: r.Why != "" && r.Remedy != "",
		}
		if !complete[r.Fate] {
			t.Errorf("%s: %+v", r.Key, r)
		}
	}
	for _, e := range annotation.Entries() {
		if strings.HasPrefix(string(e.Key), annotation.IngressPrefix) && rows[e.Key] != 1 {
			t.Errorf("%s has %d rows", e.Key, rows[e.Key])
		}
	}
}

func TestNamesAreThoseOfTheExistingTool(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"my-app-gateway-a29fc444d6":    Name("default", "my-app", "gateway"),
		"my-app-lb-confi-1252cf61dc":   Name("default", "my-app", "lb-config"),
		"my-app-route-704a5d75cb":      Name("default", "my-app", "route"),
		"my-app-default-7657982663":    Name("default", "my-app", "default-route"),
		"my-app-redirect-8e7f3de311":   Name("default", "my-app", "redirect"),
		"api-serv-tg-confi-c489c7bf77": Name("default", "api-service", "tg-config"),
		"my-app-a-lr-confi-4237a8a0c9": Name("default", "my-app-api-service", "lr-config"),
		"shared-grp-gw-b32ff54d93":     Name("", "shared", "grp-gw"),
		"shared-grp-lb-ac0d0c07c9":     Name("", "shared", "grp-lb"),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for _, base := range []string{"My.App", "-", "a", "1.2", "a-very-long-name"} {
		n := Name("ns", base, "route-*.example.com")
		if strings.ToLower(n) != n || strings.ContainsAny(n, ".*") || strings.HasPrefix(n, "-") ||
			!strings.Contains(n, "-route-") {
			t.Errorf("%s: %s", base, n)
		}
	}
}

func TestPatternsBecomeExpressionsOfTheSameMeaning(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{"/a/*/b": "^/a/.*/b$", "*.png": `^.*\.png$`, "/q?": "^/q.$",
		`a\b`: `^a\\b$`} {
		if got := expression(pattern); got != want {
			t.Errorf("%s: %s, want %s", pattern, got, want)
		}
	}
}

func TestARedirectToWhereItComesFromIsNotAttached(t *testing.T) {
	t.Parallel()
	https := port{number: 443, protocol: "HTTPS"}
	for want, all := range map[bool][]stack.Redirect{
		true: {{Protocol: "HTTPS", Port: "443"}, {Host: "#{host}", Path: "/#{path}", Query: "#{query}", Port: "#{port}",
			Protocol: "#{protocol}"}, {}},
		false: {{Protocol: "HTTP"}, {Port: "8443"}, {Path: "/x"}, {Host: "a.example.com"}, {Query: "q=1"}},
	} {
		for _, r := range all {
			if got := loops(actionsOf(r), https); got != want {
				t.Errorf("%+v: %t", r, got)
			}
		}
	}
}

func TestOnlyWhatAsksForSomethingIsReported(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"": true, "none": true, "false": true, "true": false, "web": false} {
		if idle(value) != want {
			t.Errorf("%q: %t", value, !want)
		}
	}
}

func actionsOf(r stack.Redirect) []intent.Action {
	return []intent.Action{{Type: stack.ActionRedirect, Redirect: &r}}
}

func TestAGatewayHasTheAnnotationsThatItsRowsPromise(t *testing.T) {
	t.Parallel()
	ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{}}}
	want := map[string]string{}
	for _, r := range Rows() {
		if to, ok := strings.CutPrefix(r.To, "Gateway annotation "); ok {
			ing.Annotations[string(r.Key)], want[to] = "value of "+to, "value of "+to
		}
	}
	g := &Group{Translation: NewTranslation(nil, kind(), false), Members: []*Member{{Source: ing}}}
	if got := g.annotations(); !maps.Equal(got, want) || len(want) < 5 {
		t.Errorf("%v, want %v", got, want)
	}
}
