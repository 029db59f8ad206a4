package vpc

import (
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// Instance is a virtual machine.
type Instance struct {
	ID           string
	State        string // pending, running, shutting-down, terminated, stopping, stopped
	Type         string // instance type, such as m5.large
	Architecture string // x86_64, arm64
	Image        string
	VPC          string
	Subnet       string
	Zone         string
	Launched     time.Time
	Role         string    // name of the role of its instance profile; "": none
	Terminated   time.Time // zero unless it is
	HopLimit     int32     // of the answers of its metadata service; 0: 2, as on nodes of EKS
	Interfaces   []string  // ids in the order of their attachment; the first has device index 0
	Tags         map[string]string
}

// instanceStates are the codes that EC2 gives with each state name.
var instanceStates = map[string]int32{"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48,
	"stopping": 64, "stopped": 80}

// StateCode is EC2's number for the state.
func (i *Instance) StateCode() int32 { return instanceStates[i.State] }

// IsInstanceState reports whether EC2 has a state of that name.
func IsInstanceState(name string) bool {
	_, ok := instanceStates[name]
	return ok
}

// Instance finds an instance by id.
func (c *Network) Instance(id string) (*Instance, bool) {
	i, ok := c.Instances[id]
	return i, ok
}

// PutInstance files an instance that has no interface yet.
func (c *Network) PutInstance(i *Instance) { resource.Put(&c.Instances, i.ID, i) }
