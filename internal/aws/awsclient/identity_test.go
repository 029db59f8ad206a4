package awsclient

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// asked counts the questions for which account AWS answers.
type asked struct {
	STS
	account string
	times   int
}

func (a *asked) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (
	*sts.GetCallerIdentityOutput, error) {
	if a.times++; a.account == "" {
		return nil, errors.New("no route to host")
	}
	return &sts.GetCallerIdentityOutput{Account: aws.String(a.account)}, nil
}

// TestIdentityAsksOnceForManyResources has many resources be absent, with an answer of STS and without one.
func TestIdentityAsksOnceForManyResources(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:elasticloadbalancing:us-west-2:111111111111:loadbalancer/app/web/1"
	for account, refused := range map[string]bool{"111111111111": false, "222222222222": true, "": false} {
		now := time.Now()
		client := &asked{account: account}
		i := NewIdentity(client, func() time.Time { return now })
		for range 60 {
			var other *OtherAccountError
			if err := i.Other(t.Context(), arn); errors.As(err, &other) != refused {
				t.Errorf("account %q: %v", account, err)
			}
		}
		if client.times != 1 {
			t.Errorf("account %q: STS was asked %d times", account, client.times)
		}
		now = now.Add(2 * time.Minute)
		client.account = "111111111111"
		if err := i.Other(t.Context(), arn); err != nil || client.times != 2 {
			t.Errorf("the own account, asked %d times: %v", client.times, err)
		}
	}
}
