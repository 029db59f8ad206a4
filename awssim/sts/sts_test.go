package sts

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

const role = "arn:aws:iam::123456789012:role/path/Controller"

var start = time.Unix(1_700_000_000, 0)

func newService() *Service {
	return New(account.New("123456789012", "us-west-2", clock.NewStepped(start), account.Instant()), nil)
}

// wantCode fails the test if err does not have AWS's error code. "" stands for success.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if got := apierr.CodeOf(err); got != code || got == "" && err != nil {
		t.Errorf("got %v, want code %q", err, code)
	}
}

func TestAnAssumedRoleIsTheIdentityOfItsCredentials(t *testing.T) {
	t.Parallel()
	s := newService()
	out, err := s.AssumeRole(context.Background(), &sts.AssumeRoleInput{RoleArn: aws.String(role),
		RoleSessionName: aws.String("AWS-LBC-demo"), DurationSeconds: aws.Int32(900)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") || len(*out.Credentials.AccessKeyId) != 20 ||
		!out.Credentials.Expiration.Equal(start.Add(15*time.Minute)) {
		t.Errorf("credentials %+v", out.Credentials)
	}
	ctx := gate.WithCaller(context.Background(), *out.Credentials.AccessKeyId)
	who, err := s.GetCallerIdentity(ctx, nil)
	if want := "arn:aws:sts::123456789012:assumed-role/Controller/AWS-LBC-demo"; err != nil || *who.Arn != want ||
		*who.Account != "123456789012" || *out.AssumedRoleUser.Arn != want {
		t.Errorf("got %+v, %v", who, err)
	}
	_, err = s.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("again"),
		DurationSeconds: aws.Int32(7200)})
	wantCode(t, err, "ValidationError") // chained for too long
}

func TestACallerWithoutSessionIsAUser(t *testing.T) {
	t.Parallel()
	who, err := newService().GetCallerIdentity(gate.WithCaller(context.Background(), "AKIATEST"), nil)
	if err != nil || *who.Arn != "arn:aws:iam::123456789012:user/AKIATEST" {
		t.Errorf("got %+v, %v", who, err)
	}
}

func TestBadRoleRequestsAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   sts.AssumeRoleInput
		code string
	}{
		{"no role", sts.AssumeRoleInput{RoleSessionName: aws.String("ok")}, "ValidationError"},
		{"no ARN", sts.AssumeRoleInput{RoleArn: aws.String("Controller"), RoleSessionName: aws.String("ok")},
			"ValidationError"},
		{"other account", sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::999999999999:role/R"),
			RoleSessionName: aws.String("ok")}, "AccessDenied"},
		{"short session name", sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("x")},
			"ValidationError"},
		{"bad session name", sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("a b")},
			"ValidationError"},
		{"too short", sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("ok"),
			DurationSeconds: aws.Int32(899)}, "ValidationError"},
		{"bad external id", sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("ok"),
			ExternalId: aws.String("a b")}, "ValidationError"},
		{"external id", sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("ok"),
			ExternalId: aws.String("a:b/c")}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := newService().AssumeRole(context.Background(), &tt.in)
			wantCode(t, err, tt.code)
		})
	}
}

func signedToken(claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256"}`)) + "." + part([]byte(claims)) + "." + part([]byte("signature"))
}

func TestAWebIdentityIsReadFromItsToken(t *testing.T) {
	t.Parallel()
	s := newService()
	assume := func(text string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return s.AssumeRoleWithWebIdentity(context.Background(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String(role), RoleSessionName: aws.String("controller"), WebIdentityToken: aws.String(text),
		})
	}
	out, err := assume(
		signedToken(
			fmt.Sprintf(
				`{"sub":"system:serviceaccount:kube-system:lbc","iss":"https://oidc.example.com/id/1","aud":["sts.amazonaws.com"],"exp":%d}`, start.Unix()+60)))
	if err != nil {
		t.Fatal(err)
	}
	if *out.SubjectFromWebIdentityToken != "system:serviceaccount:kube-system:lbc" ||
		*out.Audience != "sts.amazonaws.com" ||
		*out.Provider != "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/id/1" {
		t.Errorf("got %+v", out)
	}
	_, err = assume(signedToken(fmt.Sprintf(`{"exp":%d}`, start.Unix()-1)))
	wantCode(t, err, "ExpiredTokenException")
	_, err = assume("not a token")
	wantCode(t, err, "InvalidIdentityToken")
	_, err = assume("x")
	wantCode(t, err, "ValidationError")
}

func TestBoundsOfRoleRequests(t *testing.T) {
	t.Parallel()
	assume := func(change func(*sts.AssumeRoleInput)) func(*Service) error {
		return func(s *Service) error {
			in := &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("ok")}
			change(in)
			_, err := s.AssumeRole(context.Background(), in)
			return err
		}
	}
	session := func(name string) func(*Service) error {
		return assume(func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String(name) })
	}
	external := func(id string) func(*Service) error {
		return assume(func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String(id) })
	}
	lasting := func(seconds int32) func(*Service) error {
		return assume(func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(seconds) })
	}
	web := func(token string) func(*Service) error {
		return func(s *Service) error {
			_, err := s.AssumeRoleWithWebIdentity(context.Background(), &sts.AssumeRoleWithWebIdentityInput{
				RoleArn: aws.String(role), RoleSessionName: aws.String("ok"), WebIdentityToken: aws.String(token)})
			return err
		}
	}
	for row, tt := range map[string]struct {
		do   func(*Service) error
		code string
	}{
		"session name of 64 characters":           {session(strings.Repeat("n", 64)), ""},
		"session name of 65 characters":           {session(strings.Repeat("n", 65)), "ValidationError"},
		"session name with every character":       {session("aZ0_+=,.@-"), ""},
		"external id of 1 character":              {external("x"), "ValidationError"},
		"external id of 1,224 characters":         {external(strings.Repeat("x", 1224)), ""},
		"external id of 1,225 characters":         {external(strings.Repeat("x", 1225)), "ValidationError"},
		"external id with every character":        {external("aZ0_+=,.@:/-"), ""},
		"session of 12 hours":                     {lasting(43200), ""},
		"session of more than 12 hours":           {lasting(43201), "ValidationError"},
		"session of 15 minutes":                   {lasting(900), ""},
		"web identity token of 3 characters":      {web("x.y"), "ValidationError"},
		"web identity token of 20,001 characters": {web(strings.Repeat("x", 20001)), "ValidationError"},
	} {
		t.Run(row, func(t *testing.T) {
			t.Parallel()
			wantCode(t, tt.do(newService()), tt.code)
		})
	}
}
