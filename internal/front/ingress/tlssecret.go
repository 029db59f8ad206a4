package ingress

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// imports reports whether Secrets of spec.tls are imported, by the class or else by the annotation. The flag
// --enable-tls-secret-import must be set, too.
func (t *translation) imports(spec v1beta1.IngressClassParamsSpec) bool {
	wanted := t.read.Bool(annotation.ImportTLSSecrets)
	if spec.ImportTLSSecrets != nil {
		wanted = intent.Of(*spec.ImportTLSSecrets, t.params("spec.importTLSSecrets"))
	}
	if !wanted.Value || t.config.ImportSecrets {
		return wanted.Value
	}
	t.findings.Add(diag.New(Object(t.ingress), wanted.Source.Place(), diag.IgnoredSetting,
		"no Secret is imported: the controller runs without --enable-tls-secret-import",
		"run the controller with the flag, or remove the setting").In(diag.Certificate))
	return false
}

// imported are the certificates in the Secrets that spec.tls names, in its order and each once, and the names that they
// are for: their own ones and the hosts in addition to them. An invalid Secret is reported, and what was imported from
// it before stays in use.
func (t *translation) imported() (out []intent.Certificate, names facts.Names) {
	places, names := map[string]int{}, facts.Names{} // places in out, by Secret
	var of []facts.Names                             // the names of each certificate
	for n, tls := range t.ingress.Spec.TLS {
		if tls.SecretName == "" {
			continue
		}
		names.Add(tls.Hosts...)
		source := t.here(fmt.Sprintf("spec.tls[%d].secretName", n))
		at, known := places[tls.SecretName]
		if !known {
			at = len(out)
			places[tls.SecretName] = at
			c := intent.Certificate{ID: naming.ImportedCertificateID(t.ingress.Namespace, tls.SecretName), Source: source}
			c.Import, c.Names = t.keyPair(tls.SecretName, source)
			c.Broken = c.Import == nil
			out, of = append(out, c), append(of, facts.Names{})
			of[at].Add(c.Names...)
			names.Add(c.Names...)
		}
		t.checkCovered(out[at], of[at], tls.Hosts, source)
	}
	return out, names
}

// checkCovered reports the hosts of spec.tls that the certificate with some names does not cover, for which clients
// refuse it.
func (t *translation) checkCovered(c intent.Certificate, names facts.Names, hosts []string, source intent.Source) {
	if c.Broken {
		return
	}
	without := slices.DeleteFunc(slices.Clone(hosts), names.Cover)
	if len(without) > 0 {
		t.findings.Add(diag.New(Object(t.ingress), source.Path(), diag.InvalidSecret,
			fmt.Sprintf("the certificate in the Secret is for %s and does not cover %s; it is imported nevertheless",
				diag.Some(c.Names), diag.Some(without)),
			"put a certificate into the Secret that covers the hosts, or list only hosts that it covers").In(diag.Certificate))
	}
}

// keyPair is the certificate in a Secret, and its names; nil if the Secret is invalid, which is reported.
func (t *translation) keyPair(name string, source intent.Source) (pair *stack.KeyPair, names []string) {
	full := t.ingress.Namespace + "/" + name
	report := func(c diag.Code, text, remedy string) {
		t.findings.Add(diag.New(Object(t.ingress), source.Path(), c, text+"; until this is fixed, a certificate "+
			"that was imported from the Secret before stays in use",
			remedy).In(diag.Certificate))
	}
	secret, ok := t.secret(name, secretUse{field: "secretName", create: "create the Secret with type " +
		"kubernetes.io/tls, or correct secretName"}, report)
	if !ok {
		return nil, nil
	}
	pair, names, err := t.config.Pairs.TLS(secret, t.config.Now)
	if err != nil {
		report(diag.InvalidSecret, fmt.Sprintf("secret %s cannot be imported: %v", full, err),
			"put a valid certificate with its intermediate certificates into tls.crt and its key into tls.key")
		return nil, nil
	}
	return pair, names
}
