// Package acm is the part of AWS Certificate Manager that load balancers use: listing, describing, requesting,
// importing, deleting and tagging certificates, one method per action with the SDK client's signature, over the
// account's state, with AWS's validations and error codes. It holds no state and no wire format; it imports
// awssim/account, awssim/call, awssim/gate, awssim/apierr and the SDK's types.
package acm

import (
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// service is the name of the service at the gate.
const service = "acm"

// Service answers the actions of ACM.
type Service struct {
	account *account.Account
	entry   call.Entry
	ended   map[string]map[string]time.Time // by certificate and load balancer: when ACM drops the use
}

// New is the service over that account; calls pass g, which may be nil. It follows the account's changes from now on.
func New(a *account.Account, g *gate.Gate) *Service {
	s := &Service{account: a, entry: call.Entry{Service: service, Account: a, Gate: g}}
	if a.Profile.CertificateRelease > 0 {
		a.OnRelease(s.released)
	}
	return s
}

func invalid(format string, args ...any) error {
	return apierr.New("ValidationException", format, args...)
}

var arnForm = regexp.MustCompile(`^arn:[\w+=/,.@-]+:acm:[\w+=/,.@-]*:[0-9]+:certificate/[\w+=,.@-]+$`)

// certificate finds the certificate that a call names.
func (s *Service) certificate(arn *string) (*account.Certificate, error) {
	name := aws.ToString(arn)
	if name == "" {
		return nil, invalid("1 validation error detected: Value null at 'certificateArn' failed to satisfy constraint: " +
			"Member must not be null")
	}
	if !arnForm.MatchString(name) {
		return nil, apierr.New("InvalidArnException", "Invalid certificate arn %s", name)
	}
	c, ok := s.account.Certificate(name)
	if !ok {
		return nil, apierr.New("ResourceNotFoundException", "Could not find certificate %s.", name)
	}
	return c, nil
}
