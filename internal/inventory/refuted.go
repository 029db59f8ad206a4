package inventory

import (
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/stack"
)

var (
	subnetFacts = []facts.Need{{Kind: facts.NeedSubnets}, {Kind: facts.NeedRoutes}, {Kind: facts.NeedForeignSubnet}}
	groupFacts  = []facts.Need{{Kind: facts.NeedSecurityGroups}, {Kind: facts.NeedForeignGroup}}
)

// refuted are the facts of which AWS says by an error that they are not true any more: what a plan was made of is gone, or has no
// room left.
var refuted = map[string][]facts.Need{
	"SubnetNotFound": subnetFacts, "InvalidSubnetID.NotFound": subnetFacts, "InvalidSubnet": subnetFacts,
	"CertificateNotFound": {{Kind: facts.NeedCertificates}},
	"TrustStoreNotFound":  {{Kind: facts.NeedTrustStore}},
	"TargetGroupNotFound": {{Kind: facts.NeedTargetGroupName}},
}

// Refuted forgets the answers that the error of a write shows to be wrong, so that the next pass does not plan with them again.
func (i *Inventory) Refuted(e cloud.Error) {
	if e.Missing() == stack.KindSecurityGroup {
		i.InvalidateFacts(groupFacts...)
	}
	i.InvalidateFacts(refuted[e.Code]...)
}
