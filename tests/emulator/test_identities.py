"""Which user has which identity: the rules of the developer guide, without I/O."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_devtoken.emulator import Behavior, Pool
from cognito_devtoken.emulator._directory import Directory as Stored
from cognito_devtoken.emulator._directory import Identity, Login, StoredPool
from cognito_devtoken.emulator._identities import anonymous, resolve
from cognito_devtoken.emulator._wire import Refusal


POOL = Pool(developer_provider="dev", public_providers=["google", "apple"])
OTHER = Pool("eu-west-1:0", developer_provider="dev")
ANA, BOB = Login("dev", "ana"), Login("dev", "bob")
GOOGLE, GOOGLE_2, APPLE = Login("google", "1"), Login("google", "2"), Login("apple", "1")
MERGE = Behavior(public_login_of_another_identity="merge")


class Directory(Stored):
    """What the service stores, and the decisions on it."""

    def __init__(self) -> None:
        super().__init__([POOL, OTHER])

    def ask(
        self,
        *logins: Login,
        identity_id: str | None = None,
        pool: Pool = POOL,
        behavior: Behavior = Behavior(),  # noqa: B008
    ) -> str:
        changed = resolve(
            self,
            pool=self.pools[pool.identity_pool_id],
            identity_id=identity_id,
            logins=logins,
            behavior=behavior,
        )
        self.save(changed, 0)
        return changed[0].identity_id

    def unauthenticated(self) -> str:
        identity = anonymous(self, self.pools[POOL.identity_pool_id])
        self.save([identity], 0)
        return identity.identity_id

    def identity_of(self, login: Login) -> Identity:
        return self.identities[self.owners[POOL.identity_pool_id, login]]

    def refused(self, *logins: Login, **options: object) -> str:
        before = dict(self.identities), dict(self.owners)
        with pytest.raises(Refusal) as caught:
            self.ask(*logins, **options)  # type: ignore[arg-type]
        assert (self.identities, self.owners) == before
        return caught.value.code


@pytest.fixture
def directory() -> Directory:
    return Directory()


def test_a_new_user_gets_an_identity_and_keeps_it(directory: Directory) -> None:
    ana = directory.ask(ANA)

    assert ana == directory.ask(ANA)
    assert ana != directory.ask(BOB)
    assert ana.startswith("us-east-1:")


def test_an_identity_id_is_the_same_in_every_run(directory: Directory) -> None:
    assert directory.ask(ANA) == Directory().ask(ANA)


def test_logins_that_look_alike_when_joined_have_different_identities(directory: Directory) -> None:
    assert directory.ask(Login("a", "b c")) != directory.ask(Login("a b", "c"))


def test_the_same_name_in_another_pool_is_another_identity(directory: Directory) -> None:
    assert directory.ask(ANA) != directory.ask(ANA, pool=OTHER)


def test_more_logins_are_linked_to_the_same_identity(directory: Directory) -> None:
    ana = directory.ask(ANA, GOOGLE)

    assert directory.ask(GOOGLE) == directory.ask(ANA) == ana
    assert directory.ask(ANA, APPLE) == ana
    assert directory.ask(APPLE) == ana


def test_a_new_user_is_linked_to_the_identity_of_the_public_login(directory: Directory) -> None:
    google = directory.ask(GOOGLE)

    assert directory.ask(ANA, GOOGLE) == google
    assert directory.ask(ANA) == google


def test_an_unauthenticated_identity_is_upgraded(directory: Directory) -> None:
    guest = directory.unauthenticated()

    assert directory.ask(ANA, identity_id=guest) == guest
    assert directory.ask(ANA) == guest


def test_a_registered_user_cannot_take_over_a_guest(directory: Directory) -> None:
    directory.ask(ANA)
    guest = directory.unauthenticated()

    code = directory.refused(ANA, identity_id=guest)

    assert code == "DeveloperUserAlreadyRegisteredException"


def test_linking_another_name_to_an_identity_requires_one_of_its_logins(
    directory: Directory,
) -> None:
    ana = directory.ask(ANA, GOOGLE)

    assert directory.refused(BOB, identity_id=ana) == "NotAuthorizedException"
    assert directory.ask(BOB, GOOGLE, identity_id=ana) == ana
    assert directory.ask(BOB) == directory.ask(ANA) == ana


def test_an_identity_of_another_user_is_refused(directory: Directory) -> None:
    ana = directory.ask(ANA)
    directory.ask(BOB)

    assert directory.refused(BOB, identity_id=ana) == "DeveloperUserAlreadyRegisteredException"


def test_an_unknown_identity_is_not_found(directory: Directory) -> None:
    assert directory.refused(ANA, identity_id="us-east-1:0") == "ResourceNotFoundException"


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "NotAuthorizedException"])
def test_an_identity_of_another_pool_is_refused_with_the_configured_code(
    directory: Directory, code: str
) -> None:
    elsewhere = directory.ask(ANA, pool=OTHER)
    behavior = Behavior(identity_of_another_pool_code=code)

    assert directory.refused(ANA, identity_id=elsewhere, behavior=behavior) == code


def test_a_public_login_of_another_identity_is_a_conflict(directory: Directory) -> None:
    ana = directory.ask(ANA)
    directory.ask(GOOGLE)

    assert directory.refused(ANA, GOOGLE) == "ResourceConflictException"
    assert directory.refused(ANA, GOOGLE, identity_id=ana) == "ResourceConflictException"


def test_a_public_login_of_another_identity_can_merge_the_two(directory: Directory) -> None:
    ana = directory.ask(ANA)
    google = directory.ask(GOOGLE, APPLE)

    assert directory.ask(ANA, GOOGLE, behavior=MERGE) == ana
    assert directory.ask(APPLE) == directory.ask(GOOGLE) == ana
    assert directory.refused(ANA, identity_id=google) == "NotAuthorizedException"


def test_an_identity_has_one_login_of_a_public_provider(directory: Directory) -> None:
    directory.ask(ANA, GOOGLE)

    assert directory.refused(ANA, GOOGLE_2) == "ResourceConflictException"


def test_subjects_are_not_shown() -> None:
    assert "ana" not in repr(ANA)


@given(
    st.lists(
        st.tuples(
            st.sets(st.sampled_from([ANA, BOB, GOOGLE, GOOGLE_2, APPLE]), min_size=1, max_size=3),
            st.none() | st.integers(0, 5),
        ),
        max_size=12,
    ),
    st.sampled_from([Behavior(), MERGE]),
)
def test_a_login_never_has_two_identities(
    requests: list[tuple[set[Login], int | None]], behavior: Behavior
) -> None:
    directory = Directory()
    for logins, number in requests:
        known = [*directory.identities, directory.unauthenticated()]
        identity_id = None if number is None else known[number % len(known)]
        try:
            answer = directory.ask(*logins, identity_id=identity_id, behavior=behavior)
        except Refusal:
            continue
        assert identity_id in (None, answer)
        assert directory.ask(*logins, identity_id=answer, behavior=behavior) == answer
        assert {directory.owners[POOL.identity_pool_id, login] for login in logins} == {answer}

    for identity in directory.identities.values():
        assert identity.enabled or not identity.logins
        for login in identity.logins:
            assert directory.owners[POOL.identity_pool_id, login] == identity.identity_id


def test_a_user_whose_identity_was_deleted_gets_another_id_and_keeps_that(
    directory: Directory,
) -> None:
    first = directory.ask(ANA)
    directory.delete(directory.identities[first])

    second = directory.ask(ANA)

    assert second == directory.ask(ANA) != first
    directory.delete(directory.identities[second])
    assert directory.ask(ANA) not in (first, second)


def test_an_identity_that_lost_its_last_login_is_open_to_nobody(directory: Directory) -> None:
    ana = directory.ask(ANA)
    directory.save([attrs.evolve(directory.identity_of(ANA), logins=frozenset())], 0)

    assert directory.refused(ANA, identity_id=ana) == "NotAuthorizedException"
    assert directory.ask(ANA) != ana


def test_an_identity_is_dated_when_it_is_created_and_when_it_changes(directory: Directory) -> None:
    def dates() -> tuple[float, float]:
        identity = directory.identity_of(ANA)
        return identity.created, identity.modified

    directory.ask(ANA)
    directory.save([directory.identity_of(ANA)], 5)
    assert dates() == (0, 0)  # nothing has changed
    directory.save([attrs.evolve(directory.identity_of(ANA), logins=frozenset([ANA, BOB]))], 6)
    assert dates() == (0, 6)


def test_a_pool_of_the_settings_has_the_providers_that_it_was_given() -> None:
    names = {
        "accounts.google.com",
        "arn:aws:iam::123456789012:saml-provider/staff",
        "cognito-idp.us-east-1.amazonaws.com/us-east-1_a",
        "tenant.auth0.com",
    }

    pool = StoredPool.of(Pool(public_providers=names))

    assert pool.public_providers == names
    assert pool.members["OpenIdConnectProviderARNs"] == [
        "arn:aws:iam::123456789012:oidc-provider/tenant.auth0.com"
    ]
