package account

import (
	"fmt"
	"net/netip"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

// AddVPC is AddVPC of the network, for a VPC that belongs to this account unless it names another owner.
func (a *Account) AddVPC(v *vpc.VPC) error {
	if v.Owner == "" {
		v.Owner = a.ID
	}
	return a.Network.AddVPC(v)
}

// AddInstance adds a running instance with a primary interface in the subnet that has the security groups and the
// private address addr (invalid: any free one). An empty id is replaced by a new one. Errors as of AddInterface.
func (a *Account) AddInstance(i *vpc.Instance, subnet string, groups []string, addr netip.Addr) (
	*vpc.Interface, error) {
	if i.ID == "" {
		i.ID = a.NewID("i")
	}
	if _, ok := a.Instances[i.ID]; ok {
		return nil, fmt.Errorf("instance %s exists already", i.ID)
	}
	n := &vpc.Interface{
		SourceDestCheck: true,
		Attachment: &vpc.Attachment{ID: a.NewID("eni-attach"), Instance: i.ID, InstanceOwner: a.ID, Status: "attached",
			DeleteWith: true},
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
	resource.Put(&a.Instances, i.ID, i)
	return n, nil
}

// AttachInterface attaches an available interface to the instance at the next device index.
func (a *Account) AttachInterface(eni, instance string) error {
	n, ok := a.Interfaces[eni]
	if !ok {
		return resource.NotFound("network interface", eni)
	}
	i, ok := a.Instances[instance]
	if !ok {
		return resource.NotFound("instance", instance)
	}
	if n.Attachment != nil {
		return fmt.Errorf("network interface %s is in use", eni)
	}
	n.Attachment = &vpc.Attachment{ID: a.NewID("eni-attach"), Instance: instance, InstanceOwner: a.ID,
		DeviceIndex: int32(len(i.Interfaces)), Status: "attached"}
	i.Interfaces = append(i.Interfaces, eni)
	return nil
}

// transitions are the states that pass by themselves, and what follows.
var transitions = map[string]string{"pending": "running", "stopping": "stopped", "shutting-down": "terminated"}

// BeginInstanceState puts an instance into a state that passes by itself (pending, stopping, shutting-down), and into
// the one that follows once the profile's time for it is over. Further changes of state meanwhile win.
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

// SetInstanceState changes the state of an instance. A terminated one loses its interfaces (and their addresses), but
// is still described, as in EC2, until RemoveInstance.
func (a *Account) SetInstanceState(id, state string) error {
	i, ok := a.Instances[id]
	if !ok {
		return resource.NotFound("instance", id)
	}
	if !vpc.IsInstanceState(state) {
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
