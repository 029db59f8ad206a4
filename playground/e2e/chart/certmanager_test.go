package chart

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// issuer is the part of an Issuer of cert-manager that the chart uses.
type issuer struct {
	Spec struct {
		SelfSigned *struct{} `json:"selfSigned"`
		CA         *struct {
			SecretName string `json:"secretName"`
		} `json:"ca"`
	} `json:"spec"`
}

// wanted is the part of a Certificate of cert-manager that the chart uses.
type wanted struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		CommonName string   `json:"commonName"`
		DNSNames   []string `json:"dnsNames"`
		Duration   string   `json:"duration"`
		IsCA       bool     `json:"isCA"`
		IssuerRef  struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"issuerRef"`
		SecretName string `json:"secretName"`
	} `json:"spec"`
}

func certManagerResource(name string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: name}
}

// injectFrom is the annotation that names the Certificate whose authority a webhook configuration gets.
const injectFrom = "cert-manager.io/inject-ca-from"

// startCertManager does the work of cert-manager until the test ends: it issues the certificate of each Certificate
// whose Secret is missing, and writes authorities into webhook configurations.
func startCertManager(t *testing.T, c *harness.Cluster) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		var last error
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				done <- last
				return
			}
			if err := errors.Join(issueAll(ctx, c), injectAll(ctx, c)); ctx.Err() == nil {
				last = err
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Logf("the stand-in of cert-manager: %v", err)
		}
	})
}

func issueAll(ctx context.Context, c *harness.Cluster) error {
	list, err := c.Dynamic.Resource(certManagerResource("certificates")).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var problems []error
	for _, u := range list.Items {
		var w wanted
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &w); err != nil {
			return err
		}
		_, err := c.Client.CoreV1().Secrets(w.Namespace).Get(ctx, w.Spec.SecretName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			err = issue(ctx, c, w)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("certificate %s: %w", w.Name, err))
		}
	}
	return errors.Join(problems...)
}

// issue makes the Secret of a Certificate.
func issue(ctx context.Context, c *harness.Cluster, w wanted) error {
	u, err := c.Dynamic.Resource(certManagerResource("issuers")).Namespace(w.Namespace).Get(ctx, w.Spec.IssuerRef.Name,
		metav1.GetOptions{})
	if err != nil {
		return err
	}
	var by issuer
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &by); err != nil {
		return err
	}
	life, err := time.ParseDuration(cmp.Or(w.Spec.Duration, "2160h"))
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: w.Spec.CommonName}, DNSNames: w.Spec.DNSNames,
		NotBefore: time.Now().Add(-time.Minute),
		NotAfter:  time.Now().Add(life), IsCA: w.Spec.IsCA, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if w.Spec.IsCA {
		template.KeyUsage |= x509.KeyUsageCertSign
	} else {
		// this API server calls webhooks by address, not through their Service
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	parent, signer := template, key
	authority := []byte(nil)
	if by.Spec.CA != nil {
		s, err := c.Client.CoreV1().Secrets(w.Namespace).Get(ctx, by.Spec.CA.SecretName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		pair, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey])
		if err != nil {
			return err
		}
		parent, signer, authority = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey), s.Data[corev1.TLSCertKey]
	} else if by.Spec.SelfSigned == nil {
		return fmt.Errorf("issuer %s is of no known kind", w.Spec.IssuerRef.Name)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if authority == nil {
		authority = certificate
	}
	_, err = c.Client.CoreV1().Secrets(w.Namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: w.Spec.SecretName}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{
			"ca.crt": authority, corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: pem.EncodeToMemory(
				&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}),
		},
	}, metav1.CreateOptions{})
	return err
}

// injectAll writes authorities into the webhook configurations that name a Certificate.
func injectAll(ctx context.Context, c *harness.Cluster) error {
	admission := c.Client.AdmissionregistrationV1()
	mutating, err := admission.MutatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, m := range mutating.Items {
		var clients []*admissionregistrationv1.WebhookClientConfig
		for i := range m.Webhooks {
			clients = append(clients, &m.Webhooks[i].ClientConfig)
		}
		if changed, err := inject(ctx, c, m.Annotations[injectFrom], clients); err != nil {
			return err
		} else if changed {
			if _, err := admission.MutatingWebhookConfigurations().Update(ctx, &m, metav1.UpdateOptions{}); err != nil {
				return err
			}
		}
	}
	validating, err := admission.ValidatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, v := range validating.Items {
		var clients []*admissionregistrationv1.WebhookClientConfig
		for i := range v.Webhooks {
			clients = append(clients, &v.Webhooks[i].ClientConfig)
		}
		if changed, err := inject(ctx, c, v.Annotations[injectFrom], clients); err != nil {
			return err
		} else if changed {
			if _, err := admission.ValidatingWebhookConfigurations().Update(ctx, &v, metav1.UpdateOptions{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// inject sets the authority of a Certificate, named as namespace/name, and reports whether something changed.
func inject(ctx context.Context, c *harness.Cluster, from string,
	clients []*admissionregistrationv1.WebhookClientConfig) (bool, error) {
	namespace, name, ok := strings.Cut(from, "/")
	if !ok {
		return false, nil
	}
	u, err := c.Dynamic.Resource(certManagerResource("certificates")).Namespace(namespace).Get(ctx, name,
		metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	var w wanted
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &w); err != nil {
		return false, err
	}
	s, err := c.Client.CoreV1().Secrets(namespace).Get(ctx, w.Spec.SecretName, metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	changed := false
	for _, client := range clients {
		if string(client.CABundle) != string(s.Data["ca.crt"]) {
			client.CABundle, changed = s.Data["ca.crt"], true
		}
	}
	return changed, nil
}
