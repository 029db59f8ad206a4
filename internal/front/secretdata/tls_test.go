package secretdata

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestASecretWithoutACertificateIsRefusedByWhatItHolds(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]*corev1.Secret{
		"it is of type Opaque, not kubernetes.io/tls": {},
		"tls.crt holds no certificate in PEM":         {Type: corev1.SecretTypeTLS},
		"tls.crt holds a PRIVATE KEY": {Type: corev1.SecretTypeTLS, Data: map[string][]byte{
			"tls.crt": []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}},
	} {
		if pair, names, err := TLS(s, nil); err == nil || !strings.Contains(err.Error(), want) || pair != nil ||
			names != nil {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
