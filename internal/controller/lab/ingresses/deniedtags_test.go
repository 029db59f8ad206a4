package ingresses

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestDeniedTagsAttachNoCertificateOfOthers has a certificate for the host of an Ingress beside one that another stack
// has imported. AWS denies their tags to a new process.
func TestDeniedTagsAttachNoCertificateOfOthers(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("s0"))
	l.OwnCertificates()
	free := l.ForeignCertificate("*.sealed.dev")
	found := lab.Ingress("found", map[string]string{"listen-ports": `[{"HTTPS":443}]`}, "s0")
	found.Spec.Rules[0].Host = "found.sealed.dev"
	l.Create(lab.Sealed("sealed", "tls"), found)
	l.Settle(lab.Key("sealed"), lab.Key("found"))
	listeners := func() (out []string) {
		l.Sim.Account.Lock()
		defer l.Sim.Account.Unlock()
		for _, x := range l.Sim.Account.ListenersInOrder() {
			out = append(out, x.LoadBalancer.Name+" "+x.Certificate+" "+strings.Join(x.Certificates, " "))
		}
		slices.Sort(out)
		return out
	}
	before := listeners()
	if len(before) != 2 || strings.Count(strings.Join(before, "\n"), free) != 1 {
		t.Fatalf("%v\n%s", before, strings.Join(l.Events, "\n"))
	}
	fault := lab.Denying("acm:ListTagsForCertificate")
	fault.ID, fault.Service, fault.Action = "tags", "acm", "ListTagsForCertificate"
	_, err := l.Sim.Gate.AddFault(fault)
	l.Must(err)
	l.Restart()
	for _, name := range []string{"sealed", "found"} {
		l.Annotate(name, "tags", "team=shop")
	}
	l.Settle(lab.Key("sealed"), lab.Key("found"))
	if now := listeners(); !slices.Equal(now, before) {
		t.Errorf("%v, before %v\n%s", now, before, strings.Join(l.Events, "\n"))
	}
	l.Sim.Gate.RemoveFault("tags")
	l.Restart()
	l.Settle(lab.Key("sealed"), lab.Key("found"))
	if now := listeners(); !slices.Equal(now, before) {
		t.Errorf("in the end: %v, before %v\n%s", now, before, strings.Join(l.Events, "\n"))
	}
}
