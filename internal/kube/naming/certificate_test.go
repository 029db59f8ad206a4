package naming

import "testing"

func TestCertificateIdentitiesAreThoseOfTheDocumentedExamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		private                 bool
		domain, namespace, name string
		want                    string
	}{
		{false, "app.example.com", "default", "my-app", "amazon_issued/app.example.com-24116dd4"},
		{true, "*.example.com", "default", "my-app", "private/wildcard.example.com-24116dd4"},
		{false, "*.example.com", "shop", "web-front", "amazon_issued/wildcard.example.com-aa6ac661"},
		{true, "www.example.com", "shop", "web-front", "private/www.example.com-aa6ac661"},
	} {
		if got := CertificateID(c.private, c.domain, c.namespace, c.name); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestACertificateOfTheSameIngressIsDistinguishedFromOthers(t *testing.T) {
	t.Parallel()
	id := CertificateID(false, "a.example.com", "shop", "web")
	for other, want := range map[string]bool{
		id: true,
		CertificateID(true, "a.example.com", "shop", "web"):  true,
		CertificateID(false, "b.example.com", "shop", "web"): true,
		CertificateID(false, "a.example.com", "shop", "api"): false,
		ImportedCertificateID("shop", "web"):                 false,
	} {
		if (CertificateOwner(id) == CertificateOwner(other)) != want {
			t.Errorf("%s and %s: want %t", id, other, want)
		}
	}
	if CertificateOwner(ImportedCertificateID("a", "x-1")) == CertificateOwner(ImportedCertificateID("b", "x-1")) {
		t.Error("Secrets of two namespaces are one")
	}
}
