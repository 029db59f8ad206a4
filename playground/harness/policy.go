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
	// Minimal is what lbc iam-policy prints for the account's cluster and VPC, with all features: those of accelerators in a policy of its own.
	Minimal Policy = "minimal"
)

// ControllerKey is the access key that an environment gives its controller.
const ControllerKey = "AKIAPLAYGROUND000001"

// restrict adds a user with the policy and the controller's key to an account.
func (p Policy) restrict(f *seed.File) error {
	var d, accelerators iampolicy.Document
	var err error
	switch p {
	case Unrestricted:
		return nil
	case Standard:
		d, accelerators = iampolicy.Standard("aws"), iampolicy.Accelerators("aws")
	case Minimal:
		var features []iampolicy.Feature
		for _, i := range iampolicy.Features {
			if i.Name != iampolicy.GlobalAccelerator {
				features = append(features, i.Name)
			}
		}
		d, err = iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{
			Cluster: f.Cluster.Name, VPC: f.VPC.ID, Bucket: environment.TrustStoreBucket, Prefix: "trust-stores", Features: features,
		})
		if err != nil {
			return err
		}
		accelerators, err = iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{Cluster: f.Cluster.Name, Features: []iampolicy.Feature{iampolicy.GlobalAccelerator}, Apart: true})
	default:
		err = fmt.Errorf("no policy %q", p)
	}
	if err != nil {
		return err
	}
	user := seed.IAMUser{Name: "controller", Keys: []seed.AccessKey{{ID: ControllerKey, Secret: "playground"}}}
	for _, policy := range []struct {
		name     string
		document iampolicy.Document
	}{{"controller", d}, {"controller-accelerators", accelerators}} {
		text, err := json.Marshal(policy.document)
		if err != nil {
			return err
		}
		f.IAM.Policies = append(f.IAM.Policies, seed.Policy{Name: policy.name, Document: text})
		user.Policies = append(user.Policies, policy.name)
	}
	f.IAM.Users = append(f.IAM.Users, user)
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
