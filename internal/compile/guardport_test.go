package compile_test

import (
	"strings"
	"testing"
)

// TestClientCertificatesOfAnotherPortOpenNothing has a new Ingress require client certificates at a port that it does
// not have, and none at the one that it has.
func TestClientCertificatesOfAnotherPortOpenNothing(t *testing.T) {
	t.Parallel()
	const certificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	for entry, code := range map[string]string{
		`{"port":8443,"mode":"verify","trustStore":"corp-ca"}`:                                           "[InvalidAnnotation]",
		`{"port":8443,"mode":"passthrough"}`:                                                             "[GuardNotApplied]",
		`{"port":8443,"mode":"verify","trustStore":"ca"},{"port":443,"mode":"verify","trustStore":"ca"}`: "[GuardNotApplied]",
	} {
		out := scenario{Account: "lab"}.run(t, append(surroundings(), ing("shop", notes{"certificate-arn": certificate,
			"mutual-authentication": "[" + entry + "]"}, "shop.example.com Prefix / web:80")))
		text := strings.Join(out[0].Diagnostics, "\n")
		if !strings.Contains(text, "port 8443 has no effect") || !strings.Contains(text, code) ||
			(out[0].Desired == nil) != (code == "[InvalidAnnotation]" || strings.Contains(text, "trust store")) {
			t.Errorf("%s: %s", entry, text)
		}
	}
}
