package cloud

import (
	"strings"
	"testing"
)

func TestAScopeIsConnectedOnceAndOthersThanTheOwnAreRefused(t *testing.T) {
	t.Parallel()
	own := Connection{Scope: Scope{Partition: "aws", Region: "us-west-2", VPC: "vpc-1"}}
	s := NewScopes(own, LimiterOptions{})
	first, err := s.Clients(s.Own())
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Clients(Scope{Partition: "aws", Region: "us-west-2", VPC: "vpc-1"})
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Error("two sets of clients, and so two limiters, for one scope")
	}
	for _, other := range []Scope{
		{Partition: "aws", Region: "us-east-1", VPC: "vpc-1"},
		{Partition: "aws", Region: "us-west-2", VPC: "vpc-1", Role: "arn:aws:iam::123456789012:role/other", ExternalID: "s3cret"},
	} {
		_, err := s.Clients(other)
		if err == nil || !strings.Contains(err.Error(), other.String()+" is not supported yet") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v: %v", other, err)
		}
	}
}
