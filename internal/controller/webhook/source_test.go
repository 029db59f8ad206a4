package webhook

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// refusingReader answers each read with an error.
type refusingReader struct {
	client.Reader
	err error
}

func (r refusingReader) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return r.err
}

// TestUnreadableCertificateSecretIsReportedAtOnce also has a Secret that the leader is about to make,
// and has time for that.
func TestUnreadableCertificateSecretIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	secrets := schema.GroupResource{Resource: "secrets"}
	for name, test := range map[string]struct {
		err  error
		want time.Duration
	}{
		"denied":  {apierrors.NewForbidden(secrets, "tls", nil), 0},
		"missing": {apierrors.NewNotFound(secrets, "tls"), issueAttempts * retry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begun, reported := time.Now(), time.Duration(-1)
				s := &Source{Reader: refusingReader{err: test.err}, Lifetime: time.Hour, Log: logr.Discard()}
				s.Report = func(error) {
					if reported < 0 {
						reported = time.Since(begun)
					}
				}
				if err := s.Start(ctx); err != nil {
					t.Fatal(err)
				}
				if reported != test.want {
					t.Errorf("reported after %v, want %v", reported, test.want)
				}
			})
		})
	}
}
