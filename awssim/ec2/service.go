// Package ec2 is the part of Amazon EC2 that load balancers stand on: a method for each action with the SDK client's
// signature, over the account's state, with AWS's filters, validations and error codes. The actions on each kind of resource
// are in a package below; tags, regions and the attributes of the account are here. It holds no state and no wire format.
package ec2

import (
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/instance"
	"github.com/k8s-lbc/lbc/awssim/ec2/network"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
	"github.com/k8s-lbc/lbc/awssim/ec2/securitygroup"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// Service answers the actions of EC2.
type Service struct {
	*network.Networks
	*instance.Instances
	*securitygroup.SecurityGroups

	account *account.Account
	entry   call.Entry
}

// New is the service over that account; calls pass g, which may be nil.
func New(a *account.Account, g *gate.Gate) *Service {
	e := call.Entry{Service: request.ServiceName, Account: a, Gate: g}
	return &Service{
		Networks: network.New(e), Instances: instance.New(e), SecurityGroups: securitygroup.New(e),
		account: a, entry: e,
	}
}
