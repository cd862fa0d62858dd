//! The verbs, one file each.
//!
//! A new one takes three lines here: its module, its variant, its arm in [`run`].

mod cp;
mod demo;
mod doctor;
mod dossier;
mod dossiers;
mod edit;
mod export;
pub(crate) mod facts;
mod failures;
mod generate;
mod get;
mod import;
mod invitations;
mod jobs;
mod keys;
mod ls;
mod members;
mod mkdir;
mod mv;
mod outcomes;
mod put;
mod receipts;
mod restore;
mod rm;
mod serve;
mod show;
mod sync;
mod templates;
mod token;
mod trash;
mod usage;
mod versions;

use clap::Subcommand;

use crate::arguments::Connection;
use crate::client::Client;
use crate::error::Result;
use crate::output::Output;

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Arguments),
    Serve(serve::Arguments),
    Token(token::Arguments),
    Put(put::Arguments),
    Ls(ls::Arguments),
    Show(show::Arguments),
    Get(get::Arguments),
    Mkdir(mkdir::Arguments),
    Mv(mv::Arguments),
    Cp(cp::Arguments),
    Edit(edit::Arguments),
    Facts(facts::Arguments),
    Versions(versions::Arguments),
    Sync(sync::Arguments),
    Rm(rm::Arguments),
    Trash(trash::Arguments),
    Restore(restore::Arguments),
    Jobs(jobs::Arguments),
    Export(export::Arguments),
    Import(import::Arguments),
    Generate(generate::Arguments),
    Templates(templates::Arguments),
    Dossiers(dossiers::Arguments),
    Dossier(dossier::Arguments),
    Usage(usage::Arguments),
    Receipts(receipts::Arguments),
    Doctor(doctor::Arguments),
    Failures(failures::Arguments),
    Keys(keys::Arguments),
    Members(members::Arguments),
    Invitations(invitations::Arguments),
}

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) connection: Connection,
    pub(crate) output: &'a Output,
}

impl Context<'_> {
    /// Prepares the connection that the command line asks for.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::new(&self.connection)
    }
}

/// Does what was asked.
pub(crate) async fn run(command: Command, context: &Context<'_>) -> Result<()> {
    match command {
        Command::Demo(arguments) => demo::run(&arguments, context).await,
        Command::Serve(arguments) => serve::run(&arguments, context).await,
        Command::Token(arguments) => token::run(&arguments, context),
        Command::Put(arguments) => put::run(&arguments, context).await,
        Command::Ls(arguments) => ls::run(&arguments, context).await,
        Command::Show(arguments) => show::run(&arguments, context).await,
        Command::Get(arguments) => get::run(&arguments, context).await,
        Command::Mkdir(arguments) => mkdir::run(&arguments, context).await,
        Command::Mv(arguments) => mv::run(&arguments, context).await,
        Command::Cp(arguments) => cp::run(&arguments, context).await,
        Command::Edit(arguments) => edit::run(&arguments, context).await,
        Command::Facts(arguments) => facts::run(&arguments, context).await,
        Command::Versions(arguments) => versions::run(&arguments, context).await,
        Command::Sync(arguments) => sync::run(&arguments, context).await,
        Command::Rm(arguments) => rm::run(&arguments, context).await,
        Command::Trash(arguments) => trash::run(&arguments, context).await,
        Command::Restore(arguments) => restore::run(&arguments, context).await,
        Command::Jobs(arguments) => jobs::run(&arguments, context).await,
        Command::Export(arguments) => export::run(&arguments, context).await,
        Command::Import(arguments) => import::run(&arguments, context).await,
        Command::Generate(arguments) => generate::run(&arguments, context).await,
        Command::Templates(arguments) => templates::run(&arguments, context).await,
        Command::Dossiers(arguments) => dossiers::run(&arguments, context).await,
        Command::Dossier(arguments) => dossier::run(&arguments, context).await,
        Command::Usage(arguments) => usage::run(&arguments, context).await,
        Command::Receipts(arguments) => receipts::run(&arguments, context).await,
        Command::Doctor(arguments) => doctor::run(&arguments, context).await,
        Command::Failures(arguments) => failures::run(&arguments, context).await,
        Command::Keys(arguments) => keys::run(&arguments, context).await,
        Command::Members(arguments) => members::run(&arguments, context).await,
        Command::Invitations(arguments) => invitations::run(&arguments, context).await,
    }
}
