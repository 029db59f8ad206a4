package harness

import (
	"encoding/json"
	"fmt"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/iampolicy"
	"github.com/k8s-lbc/lbc/playground/environment"
)

// Policy is what the controller may do in AWS.
type Policy string

// Policies of the controller. Unrestricted is the zero value.
const (
	Unrestricted Policy = ""
	// Standard is the published policy.
	Standard Policy = "standard"
	// Minimal is what lbc iam-policy prints for the account's cluster and VPC, with all features.
	Minimal Policy = "minimal"
)

// ControllerKey is the access key that an environment gives its controller.
const ControllerKey = "AKIAPLAYGROUND000001"

// restrict adds a user with the policy and the controller's key to an account.
func (p Policy) restrict(f *seed.File) error {
	var d iampolicy.Document
	var err error
	switch p {
	case Unrestricted:
		return nil
	case Standard:
		d = iampolicy.Standard("aws")
	case Minimal:
		features := make([]iampolicy.Feature, len(iampolicy.Features))
		for i, f := range iampolicy.Features {
			features[i] = f.Name
		}
		d, err = iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{
			Cluster: f.Cluster.Name, VPC: f.VPC.ID, Bucket: environment.TrustStoreBucket, Prefix: "trust-stores", Features: features,
		})
	default:
		err = fmt.Errorf("no policy %q", p)
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	f.IAM.Policies = append(f.IAM.Policies, seed.Policy{Name: "controller", Document: text})
	f.IAM.Users = append(f.IAM.Users, seed.IAMUser{
		Name: "controller", Grants: seed.Grants{Policies: []string{"controller"}}, Keys: []seed.AccessKey{{ID: ControllerKey, Secret: "playground"}},
	})
	return nil
}

// Denied are the calls of the controller after a mark that its policy did not allow.
func (c *Cluster) Denied(after uint64) (out []gate.Call) {
	for _, call := range c.Simulator.Gate.Calls(gate.Filter{After: after, Caller: ControllerKey, Failed: true}) {
		if call.Code == "AccessDenied" || call.Code == "UnauthorizedOperation" || call.Code == "AccessDeniedException" {
			out = append(out, call)
		}
	}
	return out
}
