namespace MiniDL.Optim;
