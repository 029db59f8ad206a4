package ingresses

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestExpiredImportStaysOnItsListener has an imported certificate expire while its Secret is spoilt: the listener keeps
// it beside another one, other edits take effect, and the next content of the Secret replaces it.
func TestExpiredImportStaysOnItsListener(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("s0"))
	l.OwnCertificates()
	sealed := lab.Sealed("sealed", "tls")
	sealed.Annotations[prefix+"group.name"] = "front"
	l.Create(sealed)
	l.Create(lab.GroupMember("shop", "other", 9, map[string]string{"listen-ports": `[{"HTTPS":443}]`,
		"certificate-arn": lab.ExampleCertificate})...)
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}
	l.Settle(key)
	imported := func() (arn, status string) {
		l.Sim.Account.Lock()
		defer l.Sim.Account.Unlock()
		for _, c := range l.Sim.Account.Certificates {
			if c.Type == "IMPORTED" {
				return c.ARN, c.Status
			}
		}
		return "", ""
	}
	listener := func() (certificates []string, policy string) {
		l.Sim.Account.Lock()
		defer l.Sim.Account.Unlock()
		x := l.Sim.Account.ListenersInOrder()[0]
		return append([]string{x.Certificate}, x.Certificates...), x.SSLPolicy
	}
	arn, _ := imported()
	before, _ := listener()
	if arn == "" || !slices.Contains(before, arn) || !slices.Contains(before, lab.ExampleCertificate) {
		t.Fatalf("%s, listener %v\n%s", arn, before, strings.Join(l.Events, "\n"))
	}
	l.Sim.Account.Lock()
	for _, c := range l.Sim.Account.Certificates {
		if c.ARN == arn {
			c.Status = "EXPIRED"
		}
	}
	l.Sim.Account.Unlock()
	secret, err := l.Core.CoreV1().Secrets("shop").Get(t.Context(), "tls", metav1.GetOptions{})
	l.Must(err)
	secret.Data, secret.ResourceVersion = map[string][]byte{corev1.TLSCertKey: []byte("garbage")}, "1a"
	_, err = l.Core.CoreV1().Secrets("shop").Update(t.Context(), secret, metav1.UpdateOptions{})
	l.Must(err)
	l.Restart()
	const policy = "ELBSecurityPolicy-TLS13-1-3-2021-06"
	for _, name := range []string{"sealed", "other"} {
		l.Annotate(name, "ssl-policy", policy)
	}
	l.Settle(key)
	if now, is := listener(); !slices.Equal(now, before) || is != policy {
		t.Errorf("certificates %v, before %v, policy %s\n%s", now, before, is, strings.Join(l.Events, "\n"))
	}
	l.Renew("tls")
	l.Restart()
	l.Settle(key)
	now, _ := listener()
	if after, status := imported(); !slices.Equal(now, before) || after != arn || status != "ISSUED" {
		t.Errorf("renewed: certificates %v, %s is %s\n%s", now, after, status, strings.Join(l.Events, "\n"))
	}
}

// TestExpiredImportIsSentInNoCall has the load balancer replaced, or the Ingress removed that has the default
// certificate, while the other certificate of the listener is an import that has expired.
func TestExpiredImportIsSentInNoCall(t *testing.T) {
	t.Parallel()
	for what, edit := range map[string]func(l *lab.Lab){
		"another scheme": func(l *lab.Lab) {
			for _, name := range []string{"sealed", "other"} {
				l.Annotate(name, "scheme", "internal")
			}
		},
		"the default leaves": func(l *lab.Lab) {
			l.Must(l.Client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop",
				Name: "other"}}))
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("s0"))
			l.OwnCertificates()
			l.Create(lab.GroupMember("shop", "other", 0, map[string]string{"listen-ports": `[{"HTTPS":443}]`,
				"certificate-arn": lab.ExampleCertificate, "scheme": "internet-facing"})...)
			sealed := lab.Sealed("sealed", "tls")
			sealed.Annotations["alb.ingress.kubernetes.io/group.name"] = "front"
			sealed.Annotations["alb.ingress.kubernetes.io/group.order"] = "9"
			l.Create(sealed)
			key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}
			l.Settle(key)
			l.Sim.Account.Lock()
			for _, c := range l.Sim.Account.Certificates {
				if c.Type == "IMPORTED" {
					c.Status = "EXPIRED"
				}
			}
			l.Sim.Account.Unlock()
			secret, err := l.Core.CoreV1().Secrets("shop").Get(t.Context(), "tls", metav1.GetOptions{})
			l.Must(err)
			secret.Data, secret.ResourceVersion = map[string][]byte{corev1.TLSCertKey: []byte("garbage")}, "1a"
			_, err = l.Core.CoreV1().Secrets("shop").Update(t.Context(), secret, metav1.UpdateOptions{})
			l.Must(err)
			l.Restart()
			l.Settle(key)
			edit(l)
			l.Settle(key)
			l.Sim.Account.Lock()
			defer l.Sim.Account.Unlock()
			listeners := l.Sim.Account.ListenersInOrder()
			if len(listeners) != 1 || listeners[0].Certificate != lab.ExampleCertificate {
				t.Errorf("%d listeners, %+v\n%s", len(listeners), listeners[0], strings.Join(l.Events, "\n"))
			}
			if events := strings.Join(l.Events, "\n"); strings.Contains(events, "UnsupportedCertificate") ||
				strings.Contains(events, "FailedDeployModel") {
				t.Error(events)
			}
		})
	}
}
