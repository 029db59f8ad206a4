package awssim

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

// The built-in account has a subnet for every kind of refusal that subnets cause. No load balancer finds it by a role.
func TestTheBuiltInAccountHasASubnetWithoutIPv6(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	at := slices.IndexFunc(s.description.VPC.Subnets, func(n seed.Subnet) bool { return n.IPv6CIDR == "" })
	if at < 0 {
		t.Fatal("every subnet has IPv6")
	}
	bare := s.description.VPC.Subnets[at]
	for key := range bare.Tags {
		if strings.HasPrefix(key, "kubernetes.io/role/") {
			t.Errorf("subnet %s has the role %s", bare.ID, key)
		}
	}
	for i, tt := range []struct {
		kind elbtypes.IpAddressType
		want string
	}{
		{"ipv4", ""}, {"dualstack", "InvalidConfigurationRequest"}, {"dualstack-without-public-ipv4",
			"InvalidConfigurationRequest"},
	} {
		_, err := s.balancing.CreateLoadBalancer(context.Background(), &elb.CreateLoadBalancerInput{
			Name: aws.String(fmt.Sprint("lb", i)), Subnets: []string{bare.ID, "subnet-0a1de0000000000b1"},
			IpAddressType: tt.kind,
		})
		if apierr.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want code %q", tt.kind, err, tt.want)
		}
	}
}

func TestTheBuiltInAccountHasPrefixListsOfAWS(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	out, err := s.compute.DescribeManagedPrefixLists(context.Background(), &ec2.DescribeManagedPrefixListsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range out.PrefixLists {
		if *l.OwnerId == "AWS" {
			names = append(names, *l.PrefixListName)
		}
	}
	slices.Sort(names)
	if want := []string{"com.amazonaws.global.cloudfront.origin-facing", "com.amazonaws.us-west-2.dynamodb",
		"com.amazonaws.us-west-2.s3"}; !slices.Equal(names, want) {
		t.Errorf("lists of AWS: %v, want %v", names, want)
	}
}

// The key algorithm of a certificate is the one that clients meet in the handshake, wherever the certificate comes
// from.
func TestEveryCertificateHasTheKeyThatTheAPIReports(t *testing.T) {
	t.Parallel()
	s, ctx := serve(t, Options{}), context.Background()
	for i, algorithm := range []acmtypes.KeyAlgorithm{acmtypes.KeyAlgorithmRsa2048, acmtypes.KeyAlgorithmEcSecp384r1} {
		made, err := s.trust.RequestCertificate(ctx, &acm.RequestCertificateInput{
			DomainName: aws.String(fmt.Sprintf("new%d.example.com", i)), KeyAlgorithm: algorithm,
			ValidationMethod: acmtypes.ValidationMethodDns,
		})
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.trust.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: made.CertificateArn})
		if err != nil {
			t.Fatal(err)
		}
		record := d.Certificate.DomainValidationOptions[0].ResourceRecord
		if _, err := s.Names.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
			HostedZoneId: aws.String("Z0A1DE00000001"), ChangeBatch: &r53types.ChangeBatch{Changes: []r53types.Change{{
				Action: "UPSERT", ResourceRecordSet: &r53types.ResourceRecordSet{Name: record.Name, Type: "CNAME",
					TTL: aws.Int64(60), ResourceRecords: []r53types.ResourceRecord{{Value: record.Value}}},
			}}}}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.trust.ListCertificates(ctx, &acm.ListCertificatesInput{
		Includes: &acmtypes.Filters{KeyTypes: acmtypes.KeyAlgorithm("").Values()}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, c := range list.CertificateSummaryList {
		got, err := s.trust.GetCertificate(ctx, &acm.GetCertificateInput{CertificateArn: c.CertificateArn})
		if err != nil {
			t.Fatalf("%s: %v", *c.DomainName, err)
		}
		block, _ := pem.Decode([]byte(*got.Certificate))
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		key := ""
		switch public := leaf.PublicKey.(type) {
		case *rsa.PublicKey:
			key = fmt.Sprintf("RSA_%d", public.N.BitLen())
		case *ecdsa.PublicKey:
			key = map[int]string{256: "EC_prime256v1", 384: "EC_secp384r1"}[public.Params().BitSize]
		}
		if key != string(c.KeyAlgorithm) {
			t.Errorf("%s says %s and has %s", *c.DomainName, c.KeyAlgorithm, key)
		}
		seen[key]++
	}
	if seen["RSA_2048"] != 3 || seen["EC_prime256v1"] != 1 || seen["EC_secp384r1"] != 1 {
		t.Errorf("keys: %v", seen)
	}
}
