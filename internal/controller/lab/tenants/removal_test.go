package tenants

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestRemovedObjectsCostOnlyTheirBackend removes objects of namespace mal at a shared Gateway. Routes of namespace team
// keep their answers; those that name a Service of mal lose that backend only.
func TestRemovedObjectsCostOnlyTheirBackend(t *testing.T) {
	t.Parallel()
	route := func(name, path, backends string) string {
		return "\nHTTPRoute " + name + ` {spec: {parentRefs: [{name: web, namespace: shop}], hostnames: ["example.com"],` +
			` rules: [{matches: [{path: {type: PathPrefix, value: ` + path + `}}], backendRefs: [` + backends + `]}]}}`
	}
	const (
		theirs = "{name: web, namespace: mal, port: 80}"
		grant  = "\nReferenceGrant mal/team {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, " +
			"namespace: team}], to: [{group: \"\", kind: Service}]}}"
		svc = "\nService mal/web {spec: {ports: [{port: 80, targetPort: 8080}]}}"
	)
	own := route("mal/own", "/mal", "{name: cold, port: 80}")
	l := lab.NewGateway(t, sharedGateway+grant+own+route("team/plain", "/plain", "{name: web, port: 80}")+
		route("team/theirs", "/theirs", theirs)+route("team/both", "/both", "{name: api, port: 80}, "+theirs))
	l.SettleWeb()
	before := map[string]string{}
	for _, path := range []string{"/plain", "/both", "/theirs"} {
		before[path] = l.Answers(path)
	}
	if !strings.Contains(before["/both"], "team-api") || !strings.Contains(before["/both"], "mal-web") ||
		!strings.Contains(before["/theirs"], "mal-web") {
		t.Fatalf("answers %v", before)
	}
	for _, removed := range []string{own, grant, svc, own + svc + grant} {
		l.Discard(removed)
		for _, restarted := range []bool{false, true} {
			if restarted {
				l.Restart()
			}
			l.SettleWeb()
			withdrawn := removed != own
			if got := l.Answers("/plain"); got != before["/plain"] {
				t.Errorf("without %s: /plain is answered by %q, before %q", removed, got, before["/plain"])
			}
			both := l.Answers("/both")
			if !strings.Contains(both, "team-api") || strings.Contains(both, "mal-web") == withdrawn {
				t.Errorf("without %s: /both is answered by %q", removed, both)
			}
			if got := l.Answers("/theirs"); (got == before["/theirs"]) == withdrawn {
				t.Errorf("without %s: /theirs is answered by %q", removed, got)
			}
		}
		l.Apply(removed)
		l.SettleWeb()
		for path, want := range before {
			if got := l.Answers(path); got != want {
				t.Errorf("with %s again: %s is answered by %q, before %q", removed, path, got, want)
			}
		}
	}
}
