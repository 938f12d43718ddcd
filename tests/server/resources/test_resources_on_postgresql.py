"""What depends on the database, once more on a real PostgreSQL server."""

import pytest
from tests.server.resources import (
    test_bases,
    test_datasets,
    test_experiments,
    test_job_control,
    test_jobs,
    test_metrics,
    test_odd_rows,
)

test_dataset_lists = test_datasets.test_lists_are_filtered_sorted_and_paged
test_dataset_race = test_datasets.test_two_patches_at_once_are_both_kept
test_dataset_deletion = test_datasets.test_deleting_stops_a_pull_that_runs
test_dataset_in_use = test_datasets.test_what_is_in_use_stays
test_dataset_revisions = test_datasets.test_another_folder_is_a_new_revision
test_experiment_lists = test_experiments.test_lists_are_filtered_sorted_and_paged
test_experiment_status = test_experiments.test_the_status_follows_from_the_jobs
test_experiment_jobs = test_experiments.test_jobs_are_shown_in_short
test_experiment_deletion = test_experiments.test_deleting
test_experiment_race = test_experiments.test_many_patches_at_once_are_all_kept
test_base_pulls = test_bases.test_how_far_the_weights_are_is_shown_everywhere
test_base_race = test_bases.test_many_who_ask_at_once_start_one_pull
test_epochs = test_experiments.test_epochs_of_the_server_survive_what_clients_send_back
test_job_reply = test_jobs.test_a_posted_job_is_a_bare_id_that_waits
test_job_deletion = test_jobs.test_deleting_a_job
test_job_race = test_jobs.test_jobs_posted_at_once_are_all_accepted
test_cancel_race = test_jobs.test_cancelling_twice_at_once
test_deletion_race = test_jobs.test_deleting_an_experiment_while_jobs_are_posted
test_pausing = test_job_control.test_what_waits_pauses_at_once_and_what_runs_when_its_worker_has_ended
test_cancelling_all = test_job_control.test_all_jobs_of_an_experiment_are_cancelled
test_deleting_several = test_job_control.test_several_jobs_are_forgotten_and_each_has_an_outcome
test_odd_details = test_odd_rows.test_odd_details_are_shown_as_far_as_they_make_sense
desk = test_metrics.desk
test_metrics_of_jobs = test_metrics.test_jobs_datasets_and_slots_are_counted_as_they_are
test_metrics_race = test_metrics.test_reports_at_one_moment_are_all_counted


@pytest.fixture
def database_url(postgres_url: str) -> str:
    return postgres_url
