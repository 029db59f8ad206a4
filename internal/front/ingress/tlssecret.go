package ingress

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// imports reports whether Secrets of spec.tls are imported, by the class or else by the annotation. The flag --enable-tls-secret-import
// must be set, too.
func (t *translation) imports(spec v1beta1.IngressClassParamsSpec) bool {
	wanted := t.read.Bool(annotation.ImportTLSSecrets)
	if spec.ImportTLSSecrets != nil {
		wanted = intent.Of(*spec.ImportTLSSecrets, t.params("spec.importTLSSecrets"))
	}
	if !wanted.Value || t.config.ImportSecrets {
		return wanted.Value
	}
	t.findings.Add(diag.New(Object(t.ingress), wanted.Source.Place(), diag.IgnoredSetting,
		"no Secret is imported: the controller runs without --enable-tls-secret-import", "run the controller with the flag, or remove the setting").In(diag.Certificate))
	return false
}

// imported are the certificates in the Secrets that spec.tls names, in its order and each once, and the hosts that they cover. An invalid
// Secret is reported, and what was imported from it before stays in use.
func (t *translation) imported() (out []intent.Certificate, hosts []string) {
	for n, tls := range t.ingress.Spec.TLS {
		if tls.SecretName == "" {
			continue
		}
		hosts = append(hosts, tls.Hosts...)
		source := t.here(fmt.Sprintf("spec.tls[%d].secretName", n))
		c := intent.Certificate{ID: naming.ImportedCertificateID(t.ingress.Namespace, tls.SecretName), Source: source}
		if at := slices.IndexFunc(out, func(o intent.Certificate) bool { return o.ID == c.ID }); at >= 0 {
			t.checkCovered(out[at], tls.Hosts, source)
			continue
		}
		pair, names := t.keyPair(tls.SecretName, source)
		c.Import, c.Names, c.Broken = pair, names, pair == nil
		hosts = append(hosts, names...)
		t.checkCovered(c, tls.Hosts, source)
		out = append(out, c)
	}
	return out, hosts
}

// checkCovered reports the hosts of spec.tls that the certificate does not cover, for which clients refuse it.
func (t *translation) checkCovered(c intent.Certificate, hosts []string, source intent.Source) {
	if c.Broken {
		return
	}
	var without []string
	for _, h := range hosts {
		if !slices.ContainsFunc(c.Names, func(name string) bool { return facts.Covers(name, h) }) {
			without = append(without, h)
		}
	}
	if len(without) > 0 {
		t.findings.Add(diag.New(Object(t.ingress), source.Path, diag.InvalidSecret,
			fmt.Sprintf("the certificate in the Secret is for %s and does not cover %s; it is imported nevertheless", strings.Join(c.Names, ", "), strings.Join(without, ", ")),
			"put a certificate into the Secret that covers the hosts, or list only hosts that it covers").In(diag.Certificate))
	}
}

// keyPair is the certificate in a Secret, and its names; nil if the Secret is invalid, which is reported.
func (t *translation) keyPair(name string, source intent.Source) (pair *stack.KeyPair, names []string) {
	full := t.ingress.Namespace + "/" + name
	report := func(c diag.Code, text, remedy string) {
		t.findings.Add(diag.New(Object(t.ingress), source.Path, c, text+"; what was imported from it before stays in use", remedy).In(diag.Certificate))
	}
	secret, ok := t.secret(name, secretUse{field: "secretName", create: "create it with type kubernetes.io/tls, or correct secretName"}, report)
	if !ok {
		return nil, nil
	}
	pair, leaf, err := readPair(secret)
	if err == nil && t.config.Now != nil {
		switch now := t.config.Now(); {
		case now.After(leaf.NotAfter):
			err = fmt.Errorf("its certificate has expired on %s", leaf.NotAfter.UTC().Format("2006-01-02 15:04:05"))
		case now.Before(leaf.NotBefore):
			err = fmt.Errorf("its certificate is not valid before %s", leaf.NotBefore.UTC().Format("2006-01-02 15:04:05"))
		}
	}
	if err != nil {
		report(diag.InvalidSecret, fmt.Sprintf("secret %s cannot be imported: %v", full, err),
			"put a valid certificate with its intermediate certificates into tls.crt and its key into tls.key")
		return nil, nil
	}
	return pair, namesOf(leaf)
}

// namesOf are the names of a certificate, the common name first as ACM takes it for the domain.
func namesOf(leaf *x509.Certificate) []string {
	names := slices.Clone(leaf.DNSNames)
	slices.Sort(names)
	if cn := leaf.Subject.CommonName; cn != "" && (len(names) == 0 || slices.Contains(names, cn)) {
		names = append([]string{cn}, slices.DeleteFunc(names, func(n string) bool { return n == cn })...)
	}
	return slices.Compact(names)
}

// readPair reads a Secret of type kubernetes.io/tls, and validates all but the validity in time.
func readPair(s *corev1.Secret) (*stack.KeyPair, *x509.Certificate, error) {
	if s.Type != corev1.SecretTypeTLS {
		return nil, nil, fmt.Errorf("it is of type %s, not %s", cmp.Or(string(s.Type), "Opaque"), corev1.SecretTypeTLS)
	}
	var leaf *x509.Certificate
	var own, chain bytes.Buffer
	sum := sha256.New()
	for rest := s.Data[corev1.TLSCertKey]; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, nil, fmt.Errorf("%s holds a %s", corev1.TLSCertKey, block.Type)
		}
		to := &chain
		if leaf == nil {
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", corev1.TLSCertKey, err)
			}
			leaf, to = c, &own
		}
		sum.Write(block.Bytes) // never fails
		if err := pem.Encode(to, &pem.Block{Type: block.Type, Bytes: block.Bytes}); err != nil {
			return nil, nil, err
		}
	}
	if leaf == nil {
		return nil, nil, fmt.Errorf("%s holds no certificate in PEM", corev1.TLSCertKey)
	}
	if len(namesOf(leaf)) == 0 {
		return nil, nil, errors.New("its certificate names no host")
	}
	if err := matches(s.Data[corev1.TLSPrivateKeyKey], leaf); err != nil {
		return nil, nil, err
	}
	algorithm := algorithmOf(leaf.PublicKey)
	if algorithm == "" {
		return nil, nil, errors.New("ACM does not support the type or size of its key")
	}
	return &stack.KeyPair{
		Certificate: own.String(), Chain: chain.String(), Key: stack.NewSecret(string(s.Data[corev1.TLSPrivateKeyKey]), ""),
		Algorithm: algorithm, Hash: hex.EncodeToString(sum.Sum(nil)[:16]), Serial: leaf.SerialNumber.Text(16),
	}, leaf, nil
}

// matches returns an error if a private key is not that of a certificate. Its errors contain nothing of the key.
func matches(key []byte, leaf *x509.Certificate) error {
	block, rest := pem.Decode(key)
	for block != nil && block.Type == "EC PARAMETERS" { // as openssl writes it before the key
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return fmt.Errorf("%s holds no key in PEM", corev1.TLSPrivateKeyKey)
	}
	var parsed any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	signer, ok := parsed.(crypto.Signer)
	if err != nil || !ok {
		return fmt.Errorf("%s holds no unencrypted private key", corev1.TLSPrivateKeyKey)
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return fmt.Errorf("%s is not the key of the certificate in %s", corev1.TLSPrivateKeyKey, corev1.TLSCertKey)
	}
	return nil
}

// algorithmOf is ACM's name of a key (user guide, "Prerequisites for importing ACM certificates"); empty if ACM does not support it.
func algorithmOf(public any) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return map[int]string{1024: "RSA_1024", 2048: "RSA_2048", 3072: "RSA_3072", 4096: "RSA_4096"}[k.N.BitLen()]
	case *ecdsa.PublicKey:
		return map[int]string{256: "EC_prime256v1", 384: "EC_secp384r1", 521: "EC_secp521r1"}[k.Params().BitSize]
	}
	return ""
}
