package globalaccelerator

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// acceleratorARN is the ARN of an accelerator; it names no region.
func (s *Service) acceleratorARN(id string) string {
	return strings.Join([]string{"arn", s.account.Partition, service, "", s.account.ID, "accelerator/" + id}, ":")
}

// hash is n hexadecimal digits that look random and repeat from run to run.
func hash(seed string, n int) string {
	sum := sha256.Sum256([]byte(seed))
	return hex.EncodeToString(sum[:])[:n]
}

func (s *Service) accelerator(arn *string) (*account.Accelerator, error) {
	if x := s.account.Accelerators[aws.ToString(arn)]; x != nil {
		return x, nil
	}
	return nil, apierr.New("AcceleratorNotFoundException", "The accelerator %s does not exist.", aws.ToString(arn))
}

// listener finds a listener with its accelerator.
func (s *Service) listener(arn *string) (*account.Accelerator, *account.AcceleratorListener, error) {
	name := aws.ToString(arn)
	of, _, _ := strings.Cut(name, "/listener/")
	if x := s.account.Accelerators[of]; x != nil {
		for _, l := range x.Listeners {
			if l.ARN == name {
				return x, l, nil
			}
		}
	}
	return nil, nil, apierr.New("ListenerNotFoundException", "The listener %s does not exist.", name)
}

// group finds an endpoint group with its listener and accelerator.
func (s *Service) group(arn *string) (*account.Accelerator, *account.AcceleratorListener,
	*account.EndpointGroup, error) {
	name := aws.ToString(arn)
	of, _, _ := strings.Cut(name, "/endpoint-group/")
	if x, l, err := s.listener(&of); err == nil {
		for _, g := range l.Groups {
			if g.ARN == name {
				return x, l, g, nil
			}
		}
	}
	return nil, nil, nil, apierr.New("EndpointGroupNotFoundException", "The endpoint group %s does not exist.", name)
}

// changing is the finders' answer for calls that change the accelerator, or what is below it: while another change of
// it is under way they are refused, as the SDK expects and retries.
func (s *Service) changing(x *account.Accelerator, err error) (*account.Accelerator, error) {
	if err == nil && s.account.Clock.Now().Before(x.BusyUntil) {
		return nil, apierr.New("TransactionInProgressException",
			"There's already a transaction in progress for the accelerator %s. Another transaction can't be processed.", x.ARN)
	}
	return x, err
}

// addresses are two addresses of Global Accelerator's own: of two network zones for IPv4, and of one range for IPv6. No
// other accelerator of the account has them.
func (s *Service) addresses(seed string) (v4, v6 []netip.Addr) {
	taken := map[netip.Addr]bool{}
	for _, x := range s.account.Accelerators {
		for _, list := range [][]netip.Addr{x.IPv4, x.IPv6} {
			for _, ip := range list {
				taken[ip] = true
			}
		}
	}
	for n := 0; ; n++ {
		sum := sha256.Sum256([]byte(seed + strings.Repeat("+", n)))
		v4 = []netip.Addr{netip.AddrFrom4([4]byte{75, 2, sum[0], 1 + sum[1]%254}),
			netip.AddrFrom4([4]byte{99, 83, 128 | sum[2]&127, 1 + sum[3]%254})}
		v6 = nil
		for i := range 2 {
			a := [16]byte{0x26, 0x00, 0x90, 0x00, 0xa4 + byte(i), 0x00}
			copy(a[6:], sum[4:14])
			v6 = append(v6, netip.AddrFrom16(a))
		}
		if !taken[v4[0]] && !taken[v4[1]] && !taken[v6[0]] && !taken[v6[1]] {
			return v4, v6
		}
	}
}
