package controller

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// tlsPairs are key pairs for *.sealed.dev, made once for all labs: two of them are two contents of a Secret.
var tlsPairs = sync.OnceValue(func() (out [2]map[string][]byte) {
	for n := range out {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(n + 1)), Subject: pkix.Name{CommonName: "*.sealed.dev"}, DNSNames: []string{"*.sealed.dev"},
			NotBefore: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2045, 1, 1, 0, 0, 0, 0, time.UTC)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			panic(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			panic(err)
		}
		out[n] = map[string][]byte{
			corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		}
	}
	return out
})

// ownCertificates has stacks own certificates from the next life on: there are Secrets, and hosted zone asked.dev.
func (l *lab) ownCertificates() {
	l.Helper()
	l.config.ImportTLSSecrets = true
	l.must(l.config.Gates.Set("EnableCertificateManagement=true"))
	var secrets []corev1.Secret
	for n, name := range []string{"tls", "another-tls"} {
		secrets = append(secrets, corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, ResourceVersion: "1"}, Type: corev1.SecretTypeTLS, Data: tlsPairs()[n]})
	}
	l.core = fake.NewSimpleClientset(&corev1.SecretList{Items: secrets})
	_, err := l.sim.Names.CreateHostedZone(l.Context(), &route53.CreateHostedZoneInput{Name: aws.String("asked.dev"), CallerReference: aws.String("asked.dev")})
	l.must(err)
	l.restart()
}

// secretReader reads the Secrets of a fake API server.
func secretReader(t *testing.T, now func() time.Time, objs ...runtime.Object) (*fake.Clientset, *secret.Reader) {
	t.Helper()
	api := fake.NewClientset(objs...)
	s := secret.New(api, func(namespace string) cache.ListWatch {
		of := api.CoreV1().Secrets(namespace)
		return cache.ListWatch{
			ListWithContextFunc:  func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return of.List(ctx, o) },
			WatchFuncWithContext: of.Watch,
		}
	}, reads.NewIndex[stack.Key](), now, logr.Discard())
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[stack.Key]())
	t.Cleanup(q.ShutDown)
	if err := s.Start(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	return api, s
}

// renew gives a Secret another content.
func (l *lab) renew(name string) {
	l.Helper()
	s, err := l.core.CoreV1().Secrets("shop").Get(l.Context(), name, metav1.GetOptions{})
	l.must(err)
	s.Data, s.ResourceVersion = tlsPairs()[1], "2"
	_, err = l.core.CoreV1().Secrets("shop").Update(l.Context(), s, metav1.UpdateOptions{})
	l.must(err)
}

// sealed is an Ingress whose certificate is imported from a Secret.
func sealed(name, secret string) *networkingv1.Ingress {
	i := labIngress(name, map[string]string{"import-tls-secrets": "true", "listen-ports": `[{"HTTPS":443}]`}, "s0")
	i.Spec.Rules[0].Host = name + ".sealed.dev"
	i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{name + ".sealed.dev"}, SecretName: secret}}
	return i
}

// asking is an Ingress whose certificate is requested.
func asking(name, host string) *networkingv1.Ingress {
	i := labIngress(name, map[string]string{"create-acm-cert": "true"}, "s1")
	i.Spec.Rules[0].Host = host
	return i
}

// certificateScenarios are changes of certificates that stacks own; sealed and asked own one each before.
var certificateScenarios = map[string]func(*lab){
	"a Secret is imported": func(l *lab) { l.create(sealed("again", "another-tls")) },
	"a Secret is renewed":  func(l *lab) { l.renew("tls") },
	"a certificate is requested": func(l *lab) {
		l.create(asking("again", "again.asked.dev"))
	},
	"another host asks": func(l *lab) {
		l.edit("asked", func(i *networkingv1.Ingress) { i.Spec.Rules[0].Host = "other.asked.dev" })
	},
	"what owns certificates goes": func(l *lab) {
		l.remove("sealed")
		l.remove("asked")
	},
}

var ownersKeys = []stack.Key{implicit("sealed"), implicit("asked"), implicit("again")}

// owned describes the certificates that stacks own, with the records that prove their names.
func (l *lab) owned() []string {
	l.sim.Account.Lock()
	defer l.sim.Account.Unlock()
	var out []string
	for _, c := range l.sim.Account.Certificates {
		if c.Tags[naming.ClusterTag] != "" {
			out = append(out, fmt.Sprintf("certificate %s: %s %s, used by %d, tags %v", c.Domain, c.Type, c.Status, len(l.sim.Account.CertificateUsers(c.ARN)), c.Tags))
		}
	}
	for _, z := range l.sim.Account.HostedZones {
		for _, r := range z.Records() {
			if r.Type == "CNAME" {
				out = append(out, fmt.Sprintf("record of zone %s: %s", z.Name, r.Name))
			}
		}
	}
	return out
}

// withoutRecords leaves out validation records that are too many: a process that ends between the deletion of a certificate and that of
// its record leaves the record, and no later one knows of it. Nobody is harmed, where a record that went first could not be restored.
func withoutRecords(lines []string) (out []string) {
	for _, line := range lines {
		if !strings.HasPrefix(strings.TrimPrefix(line, "+ "), "record of zone") {
			out = append(out, line)
		}
	}
	return out
}

// spent is how many certificates were imported and requested, which AWS limits in a year.
func (l *lab) spent() (imports, requests int) {
	l.sim.Account.Lock()
	defer l.sim.Account.Unlock()
	return len(l.sim.Account.CertificateImports), len(l.sim.Account.CertificateRequests)
}

// TestALostAnswerOfACMLeadsToNoSecondCertificate has ACM import and request without telling for ten minutes.
func TestALostAnswerOfACMLeadsToNoSecondCertificate(t *testing.T) {
	t.Parallel()
	sample := oneOf(2)
	for _, name := range slices.Sorted(maps.Keys(certificateScenarios)) {
		change := certificateScenarios[name]
		if !sample.Next() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole, l := crashLab(t, false, true), crashLab(t, false, true)
			for _, action := range []string{"ImportCertificate", "RequestCertificate", "AddTagsToCertificate", "DeleteCertificate", "ChangeResourceRecordSets"} {
				_, err := l.sim.Gate.AddFault(gate.Fault{Action: action, Lose: true, Until: l.clock.Now().Add(10 * time.Minute)})
				l.must(err)
			}
			mark := l.mark()
			for _, l := range []*lab{whole, l} {
				change(l)
				l.crashWait(30 * time.Minute)
			}
			if d := linesApart(l.account(), whole.account()); d != "" {
				t.Errorf("the account (+) is not as with answers (-):\n%s", d)
			}
			imports, requests := l.spent()
			if i, r := whole.spent(); imports != i || requests != r {
				t.Errorf("%d imports and %d requests, with answers %d and %d", imports, requests, i, r)
			}
			_, by := l.counts(mark)
			for _, action := range slices.Sorted(maps.Keys(by)) {
				if strings.Contains(action, "Certificate") && by[action] > 100 {
					t.Errorf("%d calls of %s", by[action], action)
				}
			}
		})
	}
}
