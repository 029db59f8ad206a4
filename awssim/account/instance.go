package account

import (
	"fmt"
	"net/netip"
	"time"
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
	Interfaces   []string  // ids in the order of their attachment; the first has device index 0
	Tags         map[string]string
}

// instanceStates are the codes that EC2 gives with each state name.
var instanceStates = map[string]int32{"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

// StateCode is EC2's number for the state.
func (i *Instance) StateCode() int32 { return instanceStates[i.State] }

// Instance finds an instance by id.
func (c *Compute) Instance(id string) (*Instance, bool) {
	i, ok := c.Instances[id]
	return i, ok
}

// AddInstance adds a running instance with a primary interface in the subnet that has the security groups and the private
// address addr (invalid: any free one). An empty id is replaced by a new one. Errors as of AddInterface.
func (a *Account) AddInstance(i *Instance, subnet string, groups []string, addr netip.Addr) (*NetworkInterface, error) {
	if i.ID == "" {
		i.ID = a.NewID("i")
	}
	if _, ok := a.Instances[i.ID]; ok {
		return nil, fmt.Errorf("instance %s exists already", i.ID)
	}
	n := &NetworkInterface{
		SourceDestCheck: true,
		Attachment:      &Attachment{ID: a.NewID("eni-attach"), Instance: i.ID, InstanceOwner: a.ID, Status: "attached", DeleteWith: true},
	}
	if err := a.AddInterface(n, subnet, groups, addr); err != nil {
		return nil, fmt.Errorf("instance %s: %w", i.ID, err)
	}
	if i.State == "" {
		i.State = "running"
	}
	if i.Launched.IsZero() && a.Clock != nil {
		i.Launched = a.Clock.Now()
	}
	i.VPC, i.Subnet, i.Zone = n.VPC, n.Subnet, n.Zone
	i.Interfaces = []string{n.ID}
	put(&a.Instances, i.ID, i)
	return n, nil
}

// PutInstance files an instance that has no interface yet.
func (c *Compute) PutInstance(i *Instance) { put(&c.Instances, i.ID, i) }

// AttachInterface attaches an available interface to the instance at the next device index.
func (a *Account) AttachInterface(eni, instance string) error {
	n, ok := a.Interfaces[eni]
	if !ok {
		return &NotFoundError{"network interface", eni}
	}
	i, ok := a.Instances[instance]
	if !ok {
		return &NotFoundError{"instance", instance}
	}
	if n.Attachment != nil {
		return fmt.Errorf("network interface %s is in use", eni)
	}
	n.Attachment = &Attachment{ID: a.NewID("eni-attach"), Instance: instance, InstanceOwner: a.ID, DeviceIndex: int32(len(i.Interfaces)), Status: "attached"}
	i.Interfaces = append(i.Interfaces, eni)
	return nil
}

// transitions are the states that pass by themselves, and what follows.
var transitions = map[string]string{"pending": "running", "stopping": "stopped", "shutting-down": "terminated"}

// BeginInstanceState puts an instance into a state that passes by itself (pending, stopping, shutting-down), and into the one
// that follows once the profile's time for it is over. Further changes of state meanwhile win.
func (a *Account) BeginInstanceState(id, state string) error {
	next, ok := transitions[state]
	if !ok {
		return fmt.Errorf("instance %s: %q does not pass by itself", id, state)
	}
	if a.Profile.InstanceTransition == 0 {
		return a.SetInstanceState(id, next)
	}
	if err := a.SetInstanceState(id, state); err != nil {
		return err
	}
	a.Clock.AfterFunc(a.Profile.InstanceTransition, func() {
		a.Lock()
		i, ok := a.Instances[id]
		ok = ok && i.State == state
		if ok {
			_ = a.SetInstanceState(id, next) // the instance exists and the state is one
		}
		a.Unlock()
		if ok {
			a.Changed()
		}
	})
	return nil
}

// SetInstanceState changes the state of an instance. A terminated one loses its interfaces (and their addresses), but is
// still described, as in EC2, until RemoveInstance.
func (a *Account) SetInstanceState(id, state string) error {
	i, ok := a.Instances[id]
	if !ok {
		return &NotFoundError{"instance", id}
	}
	if _, ok := instanceStates[state]; !ok {
		return fmt.Errorf("instance %s: %q is not an instance state", id, state)
	}
	i.State = state
	if state == "terminated" {
		if a.Clock != nil {
			i.Terminated = a.Clock.Now()
		}
		for _, eni := range i.Interfaces {
			n, ok := a.Interfaces[eni]
			if !ok {
				continue
			}
			if n.Attachment != nil && n.Attachment.DeleteWith {
				_ = a.DeleteInterface(eni) // it exists: looked up above
			} else {
				n.Attachment = nil
			}
		}
		i.Interfaces = nil
	}
	return nil
}

// RemoveInstance forgets an instance altogether, with its interfaces.
func (a *Account) RemoveInstance(id string) error {
	if err := a.SetInstanceState(id, "terminated"); err != nil {
		return err
	}
	delete(a.Instances, id)
	return nil
}
