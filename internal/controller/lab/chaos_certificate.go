package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TLSPairs are key pairs for *.sealed.dev, made once for all labs: two of them are two contents of a Secret.
var TLSPairs = sync.OnceValue(func() (out [2]map[string][]byte) {
	for n := range out {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(n + 1)), Subject: pkix.Name{CommonName: "*.sealed.dev"},
			DNSNames:  []string{"*.sealed.dev"},
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

// OwnCertificates has stacks own certificates from the next life on: there are Secrets, and hosted zone asked.dev.
func (l *Lab) OwnCertificates() {
	l.Helper()
	l.Config.ImportTLSSecrets = true
	l.Must(l.Config.Gates.Set("EnableCertificateManagement=true"))
	var secrets []corev1.Secret
	for n, name := range []string{"tls", "another-tls"} {
		secrets = append(secrets, corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name,
			ResourceVersion: "1"}, Type: corev1.SecretTypeTLS, Data: TLSPairs()[n]})
	}
	l.Core = fake.NewSimpleClientset(&corev1.SecretList{Items: secrets})
	_, err := l.Sim.Names.CreateHostedZone(l.Context(), &route53.CreateHostedZoneInput{Name: aws.String("asked.dev"),
		CallerReference: aws.String("asked.dev")})
	l.Must(err)
	l.Restart()
}

// Renew gives a Secret another content.
func (l *Lab) Renew(name string) {
	l.Helper()
	s, err := l.Core.CoreV1().Secrets("shop").Get(l.Context(), name, metav1.GetOptions{})
	l.Must(err)
	s.Data, s.ResourceVersion = TLSPairs()[1], "2"
	_, err = l.Core.CoreV1().Secrets("shop").Update(l.Context(), s, metav1.UpdateOptions{})
	l.Must(err)
}

// Sealed is an Ingress whose certificate is imported from a Secret.
func Sealed(name, secret string) *networkingv1.Ingress {
	i := Ingress(name, map[string]string{"import-tls-secrets": "true", "listen-ports": `[{"HTTPS":443}]`}, "s0")
	i.Spec.Rules[0].Host = name + ".sealed.dev"
	i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{name + ".sealed.dev"}, SecretName: secret}}
	return i
}

// Asking is an Ingress whose certificate is requested.
func Asking(name, host string) *networkingv1.Ingress {
	i := Ingress(name, map[string]string{"create-acm-cert": "true"}, "s1")
	i.Spec.Rules[0].Host = host
	return i
}

var ownersKeys = []stack.Key{Key("sealed"), Key("asked"), Key("again")}

// Owned describes the certificates that stacks own, with the records that prove their names.
func (l *Lab) Owned() []string {
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	var out []string
	for _, c := range l.Sim.Account.Certificates {
		if c.Tags[naming.ClusterTag] != "" {
			out = append(out, fmt.Sprintf("certificate %s: %s %s, used by %d, tags %v", c.Domain, c.Type, c.Status,
				len(l.Sim.Account.CertificateUsers(c.ARN)), c.Tags))
		}
	}
	for _, z := range l.Sim.Account.HostedZones {
		for _, r := range z.Records() {
			if r.Type == "CNAME" {
				out = append(out, fmt.Sprintf("record of zone %s: %s", z.Name, r.Name))
			}
		}
	}
	return out
}

// WithoutRecords leaves out validation records that are too many: a process that ends between the deletion of a
// certificate and that of its record leaves the record, and no later one knows of it. Nobody is harmed, where a record
// that went first could not be restored.
func WithoutRecords(lines []string) (out []string) {
	for _, line := range lines {
		if !strings.HasPrefix(strings.TrimPrefix(line, "+ "), "record of zone") {
			out = append(out, line)
		}
	}
	return out
}
