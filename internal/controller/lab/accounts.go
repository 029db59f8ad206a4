package lab

import (
	"github.com/k8s-lbc/lbc/awssim"
)

// What tests of several subjects name in the simulated account.
const (
	OtherAccount = "222222222222" // another account
	OtherVPC     = "vpc-0a1de000000000002"
	RoleARN      = "arn:aws:iam::222222222222:role/targets"
	AccessKey    = "AKIALAB0000000000001" // of the controller

	SecondRoleARN = "arn:aws:iam::222222222222:role/second"
)

// Other is the second account.
func (l *Lab) Other() *awssim.Other { return l.Sim.Others[OtherAccount] }
