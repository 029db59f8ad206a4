package awsclient

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// TestCredentialsOfAnotherAccountAreRefused has a ServiceAccount get a role of another account, and its own again.
func TestCredentialsOfAnotherAccountAreRefused(t *testing.T) {
	t.Parallel()
	account, retrieved, now := "111111111111", 0, time.Now()
	s := &sameAccount{now: func() time.Time { return now }, of: aws.NewCredentialsCache(aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) {
			retrieved++
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "key", AccountID: account, CanExpire: true,
				Expires: time.Now().Add(-time.Second)}, nil
		}))}
	client := ec2.NewFromConfig(aws.Config{Region: "us-west-2", Credentials: s, Retryer: func() aws.Retryer {
		return aws.NopRetryer{}
	}, BaseEndpoint: aws.String("http://127.0.0.1:1")}) // where nothing listens
	call := func() error {
		_, err := client.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
		return err
	}
	if e := Classify(call()); e.Credentials {
		t.Errorf("the first credentials are refused: %+v", e)
	}
	account = "222222222222"
	for range 3 {
		err := call()
		e, d := Classify(err), Problem("DescribeVpcs", err)
		lack, lacks := Lack("DescribeVpcs", err)
		if !e.Credentials || e.Class != diag.Credentials || !lacks || lack.Reason != impairment.Credentials ||
			!strings.Contains(lack.Text, account) || lack.Remedy != impairment.KeepAccount || lack.Remedy != d.Remedy ||
			d.Code != diag.CredentialsRefused || lack.Text != d.Text {
			t.Errorf("%v is %+v, %+v, %+v", err, e, lack, d)
		}
	}
	if retrieved != 2 {
		t.Errorf("credentials are retrieved %d times", retrieved)
	}
	account, now = "", now.Add(time.Minute) // those that do not tell it pass
	if e := Classify(call()); e.Credentials {
		t.Errorf("credentials of no account are refused: %+v", e)
	}
	account = "111111111111"
	if e := Classify(call()); e.Credentials {
		t.Errorf("the own credentials are refused: %+v", e)
	}
}

func TestSourceOfCredentialsMayFail(t *testing.T) {
	t.Parallel()
	cause := errors.New("no role")
	s := &sameAccount{now: time.Now, of: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, cause
	})}
	if _, err := s.Retrieve(t.Context()); !errors.Is(err, cause) {
		t.Error(err)
	}
}
