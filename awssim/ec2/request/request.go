// Package request is what the actions of EC2 do alike with their requests: dry runs, required parameters, resources by
// id, addresses and blocks, tags, codes of errors. It answers no action; it imports awssim/account and ec2/kind.
package request

import (
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
)

// ServiceName is the name of the service at the gate.
const ServiceName = "ec2"

// DryRun is the error of a dry run whose call would be allowed.
func DryRun(flag *bool) error {
	if flag != nil && *flag {
		return apierr.WithStatus(http.StatusPreconditionFailed, "DryRunOperation",
			"Request would have succeeded, but DryRun flag is set.")
	}
	return nil
}

// InvalidValue refuses the value of a parameter.
func InvalidValue(format string, args ...any) error {
	return apierr.New("InvalidParameterValue", format, args...)
}

// Missing refuses a request without a required parameter.
func Missing(parameter string) error {
	return apierr.New("MissingParameter", "The request must contain the parameter %s", parameter)
}

// AWSError gives the errors of the account the codes of EC2.
func AWSError(err error) error {
	var (
		notFound *resource.NotFoundError
		depends  *resource.DependencyError
		inUse    *vpc.AddressInUseError
	)
	switch {
	case errors.As(err, &notFound):
		for _, k := range kind.All {
			if k.Name == notFound.Kind {
				return k.NotFound([]string{notFound.ID})
			}
		}
	case errors.As(err, &depends):
		return apierr.New("DependencyViolation", "resource %s has a dependent object", depends.ID)
	case errors.As(err, &inUse):
		return apierr.New("InvalidIPAddress.InUse", "Address %s is in use.", inUse.Addr)
	case errors.Is(err, vpc.ErrNoFreeAddress):
		return apierr.New("InsufficientFreeAddressesInSubnet",
			"The specified subnet does not have enough free addresses to satisfy the request.")
	case errors.Is(err, vpc.ErrAddressOutside):
		return InvalidValue("Address does not fall within the subnet's address range")
	}
	return err
}

// Named finds the one resource that a call names in a required parameter.
func Named[R any](a *account.Account, k kind.Kind, parameter string, id *string, all map[string]R) (R, error) {
	var none R
	if aws.ToString(id) == "" {
		return none, Missing(parameter)
	}
	r, ok := all[*id]
	if !ok || !a.Usable(*id) {
		return none, k.NotFound([]string{*id})
	}
	return r, nil
}

// DefaultVPC is the id of the default VPC, "" if there is none.
func DefaultVPC(a *account.Account) string {
	for _, id := range slices.Sorted(maps.Keys(a.VPCs)) {
		if a.VPCs[id].Default {
			return id
		}
	}
	return ""
}

// ZoneID is the id of the zone of that name, "" if there is none.
func ZoneID(a *account.Account, name string) string {
	if z, ok := a.Zones[name]; ok {
		return z.ID
	}
	return ""
}

// Address reads an IPv4 address.
func Address(text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is4() {
		return addr, InvalidValue("Invalid value '%s' for privateIpAddress. Invalid IPv4 address", text)
	}
	return addr, nil
}

// OptionalAddress reads an IPv4 address that need not be given; it is invalid then.
func OptionalAddress(text *string) (netip.Addr, error) {
	if text == nil {
		return netip.Addr{}, nil
	}
	return Address(*text)
}

// ParseCIDR reads a block of one family and clears its host bits, as EC2 silently does.
func ParseCIDR(text string, family func(netip.Addr) bool) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil || !family(prefix.Addr()) {
		return netip.Prefix{}, InvalidValue("CIDR block %s is malformed", text)
	}
	return prefix.Masked(), nil
}

// UsableGroups is the security groups that may be used in a VPC: its own and those associated with it.
func UsableGroups(a *account.Account, vpcID string) map[string]*vpc.SecurityGroup {
	groups := map[string]*vpc.SecurityGroup{}
	for id, g := range a.DescribedGroups() {
		if g.UsableIn(vpcID) {
			groups[id] = g
		}
	}
	return groups
}
