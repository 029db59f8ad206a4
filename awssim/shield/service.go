// Package shield is the part of Shield Advanced that load balancers use: the subscription, protections and their tags, one
// method per action with the SDK client's signature, over the account's state, with AWS's validations and error codes. Attacks
// are not simulated. It imports awssim/account, awssim/call, awssim/gate, awssim/apierr and the SDK's types.
package shield

import (
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// service is the name under which the gate knows the calls.
const service = "shield"

// Service answers the actions of Shield.
type Service struct {
	account *account.Account
	entry   call.Entry
}

// New is the service over that account; calls pass g, which may be nil.
func New(a *account.Account, g *gate.Gate) *Service {
	return &Service{account: a, entry: call.Entry{Service: service, Account: a, Gate: g}}
}

func invalid(format string, args ...any) error {
	return apierr.New("InvalidParameterException", format, args...)
}

func unsubscribed() error {
	return apierr.New("ResourceNotFoundException", "The subscription does not exist.")
}
